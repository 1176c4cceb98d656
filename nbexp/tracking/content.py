"""What MLflow is told of a variant: parameters, metrics and tags, in the forms it accepts."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from nbexp.files import fit_text, from_json, shown_json, to_float, value_text
from nbexp.runs.outcome import Outcome
from nbexp.runs.record import VariantRecord

OWN = "nbexp."  # before a parameter's name where the notebook has logged another value under it
_MAX_VALUE = 6000
_MAX_TAG = 5000
_MAX_STEP = 2**63 - 1  # of 64 bits; a larger one would be refused, with all that is sent along


def params_of(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return parameters as texts; tables are flattened, as in ``optimizer.lr``."""
    found: dict[str, str] = {}
    for key, value in params.items():
        name = fit_name(f"{prefix}{key}")
        if isinstance(value, dict) and value:
            found |= params_of(value, f"{name}.")
        else:
            found[name] = fit_text(value_text(value))[:_MAX_VALUE]
    return found


def values_of(params: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that `params_of` made texts of, as far as they can be told."""
    own = {name: params.get(f"{OWN}{name}", text) for name, text in params.items()}
    return {name: _value(text) for name, text in own.items() if not name.startswith(OWN)}


def fit_step(step: int) -> int:
    """Return the nearest step that MLflow and TensorBoard take."""
    return max(-_MAX_STEP, min(step, _MAX_STEP))


def metrics_of(outcome: Outcome) -> dict[str, float]:
    """Return the scraps that are numbers."""
    return {
        fit_name(name): to_float(value)
        for name, value in outcome.scraps.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def lineage_tags(record: VariantRecord) -> dict[str, str]:
    """Return the tags that are known before a variant runs."""
    search = {"nbexp.search": record.search[:_MAX_TAG]} if record.search else {}
    return search | {
        "nbexp.variant": record.name,
        "nbexp.stage": record.stage,
        "nbexp.lineage": shown_json(dict(record.lineage))[:_MAX_TAG],
        "nbexp.template": record.template,
        "nbexp.notebook_hash": str(record.parts["code"]),
        "nbexp.attempt": str(record.attempt),
        "mlflow.note.content": fit_text(record.label),
    }


def result_tags(outcome: Outcome) -> dict[str, str]:
    """Return the tags that are known once a variant has ended."""
    tags = {"nbexp.state": outcome.state.value, "nbexp.duration_s": f"{outcome.duration_s:.3f}"}
    if outcome.error is not None:
        error = fit_text(f"{outcome.error.name}: {outcome.error.message}")
        tags["nbexp.error"] = error[:_MAX_TAG]
    if outcome.note:
        tags["nbexp.note"] = fit_text(outcome.note)[:_MAX_TAG]
    return tags


def fit_name(text: str) -> str:
    """Return a name that MLflow takes: it must be a path too, and the shortest form of it."""
    name = re.sub(r"[^\w\-. :/]", "_", text)[:250]
    is_path = name == posixpath.normpath(name) and not name.startswith(("/", ".."))
    return name if is_path and name != "." else re.sub(r"[./]", "_", name) or "_"


def _value(text: str) -> Any:
    try:
        return _with_numbers(from_json(text))
    except ValueError:
        return _with_numbers(text)


def _with_numbers(value: Any) -> Any:
    """Return a value with the texts ``nan``, ``inf`` and ``-inf`` as numbers again."""
    if isinstance(value, dict):
        return {key: _with_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    return float(value) if value in ("nan", "inf", "-inf") else value
