"""Runs and variants as tables for JSON: what other programs are told of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from nbexp.metrics import summary
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory
from nbexp.runs.lineage import descent, lineage_events, logged_by, reason_of
from nbexp.runs.outcome import read_outcome
from nbexp.runs.record import VariantRecord
from nbexp.runs.results import RunResult, best_by_stage, run_duration_s, run_state
from nbexp.runs.variant_folder import VariantFolder


def run_summary(run: RunFolder, history: RunHistory) -> dict[str, Any]:
    """Return a run in short, as lists of runs have it."""
    best = {
        stage: {"variant": v.name, "metric": history.metrics[stage][0], "value": v.metric}
        for stage, v in best_by_stage(history).items()
    }
    return {
        "run": run.id,
        "pipeline": history.pipeline,
        "state": run_state(history).value,
        "started": history.started or None,
        "duration_s": run_duration_s(history),
        "counts": {state.value: count for state, count in history.counts.items()},
        "best": best,
        "damage": history.damage,
        "folder": str(run.path.absolute()),
    }


def run_record(folder: RunFolder, history: RunHistory) -> dict[str, Any]:
    """Return how a run stands, with its variants."""
    results = {variant.name: variant for variant in RunResult.read(folder.path).variants}
    events = {name: lineage_events(folder, each) for name, each in history.variants.items()}
    return {
        "run": folder.id,
        "pipeline": history.pipeline,
        "state": run_state(history).value,
        "started": history.started or None,
        "ended": history.ended,
        "duration_s": run_duration_s(history),
        "folder": str(folder.path.absolute()),
        "is_paused": history.is_paused,
        "counts": {state.value: count for state, count in history.counts.items()},
        "stages": history.stages,
        "metrics": {stage: list(metric) for stage, metric in history.metrics.items()},
        "warnings": history.warnings,
        "variants": [
            {
                **vars(variant),
                "state": variant.state.value,
                "params": dict(results[variant.name].params),
                "scraps": dict(results[variant.name].scraps),
                "artifacts": dict(results[variant.name].artifacts),
                "folder": str(folder.variant(variant.name).path.absolute()),
                "course": events[variant.name],
                "descent": [vars(origin) for origin in descent(events, variant.name)],
            }
            for variant in history.variants.values()
            if variant.name in results  # one may have come into being just now
        ],
    }


def variant_record(
    folder: RunFolder, history: RunHistory, variant: VariantHistory
) -> dict[str, Any]:
    """Return all that is known of a variant."""
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
