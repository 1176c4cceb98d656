"""The command ``ls``: lists the runs beside a pipeline."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._screen import Screen, state_part
from nbexp.display import Part
from nbexp.files import shown_json
from nbexp.runs.finding import list_runs
from nbexp.runs.history import RunHistory, read_history
from nbexp.runs.json_records import run_summary
from nbexp.runs.results import RunResult, best_by_stage, run_duration_s, run_state
from nbexp.runs.variant_folder import RUNS
from nbexp.wording import counted, counts_text, duration_text, number_text, time_text

_ROWS = 20


@click.command()
@_options.directory
@_options.as_json
@_options.show_all
def ls(*, root: Path, as_json: bool, show_all: bool) -> None:
    """List the runs beside the pipeline, newest first."""
    list_all(root, as_json=as_json, show_all=show_all)


def list_all(root: Path, *, as_json: bool, show_all: bool) -> None:
    """Write the runs beside a pipeline, newest first."""
    runs = list_runs(root)[::-1]
    if as_json:
        click.echo(
            shown_json(
                [run_summary(RunResult(run.path, read_history(run))) for run in runs], indent=1
            )
        )
        return
    screen = Screen()
    if not runs:
        screen.line(f"There are no runs in {root / RUNS}. Start one: nbexp run pipeline.toml")
        return
    shown = runs if show_all else runs[:_ROWS]
    columns = ("run", "state", "when", "took", "variants", "best", "")
    screen.table(columns, [_row(run.id, read_history(run)) for run in shown])
    if len(runs) > len(shown):
        more = counted(len(runs) - len(shown), "earlier run")
        screen.line((f"  … and {more}; --all shows them", "dim"))


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
        (history.damage, "yellow"),
    )
