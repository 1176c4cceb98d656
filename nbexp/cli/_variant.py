"""Shows one variant, with everything that is known of it."""

from __future__ import annotations

from typing import Any

import click

from nbexp.cli._failure import short_path, show_failure
from nbexp.cli._screen import Screen, duration_text, number_text, state_part, time_text
from nbexp.files import to_json
from nbexp.run import RunFolder, RunHistory, VariantHistory, VariantRecord, read_outcome

_LONGEST = 200


def show_variant(
    folder: RunFolder, history: RunHistory, variant: VariantHistory, *, as_json: bool
) -> None:
    """Write all that is known of a variant."""
    record = _record(folder, history, variant)
    if as_json:
        click.echo(to_json(record, indent=1))
        return
    screen = Screen()
    screen.line((variant.name, "bold"), f" {variant.label}  ", state_part(variant.state))
    screen.table(("", ""), [((name, "dim"), value) for name, value in _facts(variant, record)])
    for title in ("params", "scraps", "artifacts", "lineage", "identity"):
        if record[title]:
            screen.line((title, "bold"))
            screen.table(("", ""), [(str(k), _short(v)) for k, v in record[title].items()])
    screen.line(("files", "bold"), f"  {short_path(folder.variant(variant.name).absolute())}")
    for file in record["files"]:
        screen.line(f"  {file}")
    if variant.state.is_failure:
        place = folder.variant(variant.name).absolute()
        show_failure(screen, variant.name, variant.state, variant.error, place)


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
        ("reason", variant.reason),
        ("note", variant.note),
        ("cached from", variant.source or ""),
        ("template", record["template"] or ""),
        ("key", record["key"] or ""),
        ("MLflow run", record["mlflow_run_id"] or ""),
    ]
    return [(name, value) for name, value in facts if value]


def _record(folder: RunFolder, history: RunHistory, variant: VariantHistory) -> dict[str, Any]:
    place = folder.variant(variant.name).absolute()
    record, outcome = VariantRecord.read(place), read_outcome(place)
    artifacts = outcome.artifacts if outcome else {}
    return {
        **vars(variant),
        "run": folder.id,
        "state": variant.state.value,
        "metric_name": history.metrics.get(variant.stage, [None])[0],
        "params": dict(record.params) if record else {},
        "scraps": dict(outcome.scraps) if outcome else {},
        "artifacts": {name: str(place / "artifacts" / name) for name in artifacts},
        "template": record.template if record else None,
        "key": record.key if record else None,
        "identity": dict(record.parts) if record else {},
        "mlflow_run_id": record.tracking_id if record else None,
        "cells": outcome.cells if outcome else None,
        "folder": str(place),
        "files": sorted(path.name + "/" * path.is_dir() for path in place.glob("*")),
    }


def _short(value: Any) -> str:
    shown = value if isinstance(value, str) else to_json(value)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}… ({len(shown)} characters)"
