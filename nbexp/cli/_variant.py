"""Shows one variant, with everything that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from nbexp.cli._screen import Screen, state_part
from nbexp.display import Failed, short_path, show_failure
from nbexp.files import shown_json, value_text
from nbexp.metrics import summary
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory
from nbexp.runs.lineage import (
    Origin,
    changes_text,
    descent,
    descent_text,
    lineage_events,
    logged_by,
    reason_of,
)
from nbexp.runs.outcome import read_outcome
from nbexp.runs.record import VariantRecord
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State
from nbexp.wording import duration_text, number_text, time_text

_LONGEST = 200
_MOST_ROWS = 20
_USES = {"": "looked for", "file": "file", "folder": "names in it", "pattern": "what it finds"}


def show_variant(
    folder: RunFolder, history: RunHistory, variant: VariantHistory, *, as_json: bool
) -> None:
    """Write all that is known of a variant."""
    record = _record(folder, history, variant)
    if as_json:
        click.echo(shown_json(record, indent=1))
        return
    screen = Screen()
    screen.line((variant.name, "bold"), f" {variant.label}  ", state_part(variant.state))
    screen.table(("", ""), [((name, "dim"), value) for name, value in _facts(variant, record)])
    _show_logged(screen, record["reported"])
    _show_course(screen, record)
    for title in ("params", "scraps", "artifacts", "lineage", "identity"):
        if record[title]:
            screen.line((title, "bold"))
            screen.table(("", ""), [(str(k), _short(v)) for k, v in record[title].items()])
    _show_observed(screen, record["observed"])
    screen.line(("files", "bold"), f"  {short_path(folder.variant(variant.name).path.absolute())}")
    for file in record["files"]:
        screen.line(f"  {file}")
    if variant.state.is_failure:
        place = folder.variant(variant.name).path.absolute()
        show_failure(screen.line, Failed.of(variant, place))


def _facts(variant: VariantHistory, record: dict[str, Any]) -> list[tuple[str, str]]:
    metric = f"{record['metric_name']} {number_text(variant.metric)}"
    facts = [
        ("run", record["run"]),
        ("stage", variant.stage),
        ("metric", metric if variant.metric is not None else ""),
        ("kept", "by reduce" if variant.is_kept else ""),
        ("started", time_text(variant.started or 0.0)),
        ("took", duration_text(variant.duration_s)),
        ("attempt", str(variant.attempt) if variant.attempt > 1 else ""),
        ("reason", record["reason"] if variant.state is not State.PRUNED else ""),
        ("note", variant.note),
        ("cached from", variant.source or ""),
        ("template", record["template"] or ""),
        ("key", record["key"] or ""),
        ("MLflow run", record["mlflow_run_id"] or ""),
    ]
    return [(name, value) for name, value in facts if value]


def _record(folder: RunFolder, history: RunHistory, variant: VariantHistory) -> dict[str, Any]:
    place = folder.variant(variant.name).path.absolute()
    record, outcome = VariantRecord.read(place), read_outcome(place)
    artifacts = outcome.artifacts if outcome else {}
    events = {name: lineage_events(folder, each) for name, each in history.variants.items()}
    return {
        **vars(variant),
        "run": folder.id,
        "state": variant.state.value,
        "reason": reason_of(variant, events[variant.name]),
        "metric_name": history.metrics.get(variant.stage, [None])[0],
        "reported": {k: asdict(v) for k, v in summary(logged_by(folder, variant.name)).items()},
        "course": events[variant.name],
        "descent": [asdict(origin) for origin in descent(events, variant.name)],
        "params": dict(record.params) if record else {},
        "scraps": dict(outcome.scraps) if outcome else {},
        "artifacts": {name: str(VariantFolder(place).artifacts / name) for name in artifacts},
        "template": record.template if record else None,
        "key": record.key if record else None,
        "identity": dict(record.parts) if record else {},
        "observed": dict(outcome.observed) if outcome else {},
        "mlflow_run_id": record.tracking_id if record else None,
        "cells": outcome.cells if outcome else None,
        "folder": str(place),
        "files": sorted(path.name + "/" * path.is_dir() for path in place.glob("*")),
    }


def _show_logged(screen: Screen, reported: Mapping[str, Mapping[str, Any]]) -> None:
    if not reported:
        return
    screen.line(("logged", "bold"))
    rows = [
        (name, *(number_text(each[key]) for key in ("last", "least", "most")),
         str(each["step"]), str(each["count"]))
        for name, each in reported.items()
    ]  # fmt: skip
    screen.table(("name", "last", "lowest", "highest", "last step", "steps"), rows)


def _show_course(screen: Screen, record: Mapping[str, Any]) -> None:
    """Write what happened on the way, each exploit with the values that it changed."""
    if not record["course"]:
        return
    screen.line(("course", "bold"))
    params, rows = dict(record["identity"].get("params", {})), []  # those that it began with
    for event in record["course"]:
        changed = event.get("params", {})
        step = "" if event.get("step") is None else str(event["step"])
        told = changes_text(params, changed) or event.get("reason", "")
        rows.append((event["event"], step, event.get("donor", ""), told))
        params |= changed
    screen.table(("what", "after step", "donor", ""), rows)
    if record["descent"]:
        origins = [Origin(**each) for each in record["descent"]]
        screen.line(f"  {record['name']} {descent_text(origins)}")


def _show_observed(screen: Screen, observed: Mapping[str, Any]) -> None:
    """Write what the notebook was seen to use."""
    inputs = observed.get("inputs", {})
    uses = {name: state for name, state in inputs.items() if state.get("kind") or "left" in state}
    rows = [(name, _USES.get(str(state.get("kind")), "")) for name, state in uses.items()]
    rows += [(name, "environment variable") for name in observed.get("variables", {})]
    rows += [(name, "written") for name in observed.get("written", ())]
    if rows or observed.get("unseen"):
        screen.line(("seen to use", "bold"))
        screen.table(("", ""), rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        screen.line((f"  … and {len(rows) - _MOST_ROWS} more; --json has them all", "dim"))
    for sentence in observed.get("unseen", ()):
        screen.line(f"  not seen: {sentence}")


def _short(value: Any) -> str:
    shown = value_text(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}… ({len(shown)} characters)"
