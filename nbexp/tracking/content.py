"""What MLflow is told of a variant: parameters, metrics and tags, in the forms it accepts."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from nbexp.execute.job import Outcome
from nbexp.files import to_float, to_json
from nbexp.run.tracker import VariantRecord

_MAX_VALUE = 6000
_MAX_TAG = 5000


def params_of(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return parameters as texts; tables are flattened, as in ``optimizer.lr``."""
    found: dict[str, str] = {}
    for key, value in params.items():
        name = _name(f"{prefix}{key}")
        if isinstance(value, dict) and value:
            found |= params_of(value, f"{name}.")
        else:
            found[name] = (value if isinstance(value, str) else to_json(value))[:_MAX_VALUE]
    return found


def metrics_of(outcome: Outcome) -> dict[str, float]:
    """Return the scraps that are numbers."""
    return {
        _name(name): to_float(value)
        for name, value in outcome.scraps.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def lineage_tags(record: VariantRecord) -> dict[str, str]:
    """Return the tags that are known before a variant runs."""
    return {
        "nbexp.variant": record.name,
        "nbexp.stage": record.stage,
        "nbexp.lineage": to_json(dict(record.lineage))[:_MAX_TAG],
        "nbexp.template": record.template,
        "nbexp.notebook_hash": str(record.parts["code"]),
        "nbexp.attempt": str(record.attempt),
        "mlflow.note.content": record.label,
    }


def result_tags(outcome: Outcome) -> dict[str, str]:
    """Return the tags that are known once a variant has ended."""
    tags = {"nbexp.state": outcome.state.value, "nbexp.duration_s": f"{outcome.duration_s:.3f}"}
    if outcome.error is not None:
        tags["nbexp.error"] = f"{outcome.error.name}: {outcome.error.message}"[:_MAX_TAG]
    if outcome.note:
        tags["nbexp.note"] = outcome.note[:_MAX_TAG]
    return tags


def _name(text: str) -> str:
    """Return a name that MLflow takes: it must be a path too, and the shortest form of it."""
    name = re.sub(r"[^\w\-. :/]", "_", text)[:250]
    is_path = name == posixpath.normpath(name) and not name.startswith(("/", ".."))
    return name if is_path and name != "." else re.sub(r"[./]", "_", name) or "_"
