"""Runs and variants as tables for JSON: what other programs are told of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from nbexp.metrics import summary
from nbexp.runs.lineage import descent, lineage_events, reason_of
from nbexp.runs.results import RunResult, VariantResult, best_by_stage


def run_summary(run: RunResult) -> dict[str, Any]:
    """Return a run in short, as lists of runs have it."""
    history = run.history
    best = {
        stage: {"variant": v.name, "metric": history.metrics[stage][0], "value": v.metric}
        for stage, v in best_by_stage(history).items()
    }
    return {
        "run": run.id,
        "pipeline": history.pipeline,
        "state": run.state.value,
        "started": history.started or None,
        "duration_s": run.duration_s,
        "counts": {state.value: count for state, count in history.counts.items()},
        "best": best,
        "damage": history.damage,
        "folder": str(run.folder.absolute()),
    }


def run_record(run: RunResult) -> dict[str, Any]:
    """Return how a run stands, with its variants."""
    history = run.history
    events = {variant.name: variant.lineage_events for variant in run.variants}
    return {
        "run": run.id,
        "pipeline": history.pipeline,
        "state": run.state.value,
        "started": history.started or None,
        "ended": history.ended,
        "duration_s": run.duration_s,
        "folder": str(run.folder.absolute()),
        "is_paused": history.is_paused,
        "counts": {state.value: count for state, count in history.counts.items()},
        "stages": history.stages,
        "metrics": {stage: list(metric) for stage, metric in history.metrics.items()},
        "warnings": history.warnings,
        "variants": [
            {
                **vars(variant.history),
                "state": variant.state.value,
                "params": dict(variant.params),
                "scraps": dict(variant.scraps),
                "artifacts": dict(variant.artifacts),
                "folder": str(variant.folder.absolute()),
                "course": events[variant.name],
                "descent": [vars(origin) for origin in descent(events, variant.name)],
            }
            for variant in run.variants
        ],
    }


def variant_record(run: RunResult, variant: VariantResult) -> dict[str, Any]:
    """Return all that is known of a variant of a run."""
    record, outcome, history = variant.record, variant.outcome, variant.history
    # Of the others nothing else is read: there may be thousands.
    events = {k: lineage_events(run.files, v) for k, v in run.history.variants.items()}
    artifacts = {name: str(Path(place).absolute()) for name, place in variant.artifacts.items()}
    return {
        **vars(history),
        "run": run.id,
        "state": variant.state.value,
        "reason": reason_of(history, events[variant.name]),
        "metric_name": run.history.metrics.get(variant.stage, [None])[0],
        "reported": {name: asdict(each) for name, each in summary(variant.entries()).items()},
        "course": events[variant.name],
        "descent": [asdict(origin) for origin in descent(events, variant.name)],
        "params": dict(variant.params),
        "scraps": dict(variant.scraps),
        "artifacts": artifacts,
        "template": record.template if record else None,
        "key": record.key if record else None,
        "identity": dict(record.parts) if record else {},
        "observed": dict(outcome.observed) if outcome else {},
        "mlflow_run_id": record.tracking_id if record else None,
        "cells": outcome.cells if outcome else None,
        "folder": str(variant.folder.absolute()),
        "files": sorted(path.name + "/" * path.is_dir() for path in variant.folder.glob("*")),
    }
