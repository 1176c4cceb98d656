"""Lists the runs beside a pipeline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from nbexp.cli._screen import (
    Part,
    Screen,
    counted,
    counts_text,
    duration_text,
    number_text,
    state_part,
    time_text,
)
from nbexp.files import to_json
from nbexp.pipeline import Mode
from nbexp.run import RunFolder, RunHistory, VariantHistory, list_runs, read_history
from nbexp.states import State

_ROWS = 20


def list_all(root: Path, *, as_json: bool, show_all: bool) -> None:
    """Write the runs beside a pipeline, newest first."""
    runs = list_runs(root)[::-1]
    if as_json:
        click.echo(to_json([_record(run, read_history(run)) for run in runs], indent=1))
        return
    screen = Screen()
    if not runs:
        screen.line(f"There are no runs in {root / 'runs'}. Start one: nbexp run pipeline.toml")
        return
    shown = runs if show_all else runs[:_ROWS]
    columns = ("run", "state", "when", "took", "variants", "best")
    screen.table(columns, [_row(run.id, read_history(run)) for run in shown])
    if len(runs) > len(shown):
        more = counted(len(runs) - len(shown), "earlier run")
        screen.line((f"  … and {more}; --all shows them", "dim"))


def run_state(history: RunHistory) -> State:
    """Return the state of a run, also of one that goes on."""
    return history.state or (State.PAUSED if history.is_paused else State.RUNNING)


def run_duration_s(history: RunHistory) -> float | None:
    """Return the seconds that a run took, or has taken so far; None where it was cut off."""
    if not history.started:
        return None
    if history.ended is not None:
        return history.ended - history.started
    return time.time() - history.started if history.state is None else None


def best_first(variants: list[VariantHistory], mode: Mode) -> list[VariantHistory]:
    """Return variants by their metric; those without one last, in the order given."""
    sign = -1.0 if mode is Mode.MAX else 1.0
    return sorted(variants, key=lambda v: (v.metric is None, sign * (v.metric or 0.0)))


def best_by_stage(history: RunHistory) -> dict[str, VariantHistory]:
    """Return the best variant of each stage that has a metric."""
    found = {}
    for stage, (_, mode) in history.metrics.items():
        known = [v for v in history.of_stage(stage) if v.metric is not None]
        if known:
            found[stage] = best_first(known, Mode(mode))[0]
    return found


def _row(name: str, history: RunHistory) -> tuple[Part, ...]:
    best = [
        f"{history.metrics[stage][0]} {number_text(variant.metric)}"
        for stage, variant in best_by_stage(history).items()
    ]
    return (
        (name, "bold"),
        state_part(run_state(history)),
        time_text(history.started),
        duration_text(run_duration_s(history)),
        counts_text(history.counts),
        ", ".join(best),
    )


def _record(run: RunFolder, history: RunHistory) -> dict[str, Any]:
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
        "folder": str(run.path.absolute()),
    }
