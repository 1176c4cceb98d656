"""The command ``run``: runs a pipeline under the eyes of a user, and sums up."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import click

from nbexp.api import Pipeline
from nbexp.cli import _options
from nbexp.cli._progress import JsonLines, LiveProgress, Progress
from nbexp.cli._screen import Screen, next_step
from nbexp.display import Lines, Tally, short_path, summarise
from nbexp.explain.estimates import TimeLeft, read_took
from nbexp.files import shown_json
from nbexp.runs.events import Event, EventKind
from nbexp.runs.folder import RunFolder
from nbexp.runs.request import RequestFile, RunRequest
from nbexp.runs.starting import NameTeller, start
from nbexp.runs.variant_folder import RUNS
from nbexp.states import State

FAILED, HUNG_UP, CTRL_C, TERMINATED = 1, 129, 130, 143
_SIGNALS = {
    "stopped by SIGHUP": HUNG_UP,
    "stopped by SIGINT": CTRL_C,
    "stopped by SIGTERM": TERMINATED,
}


@click.command()
@_options.pipeline_options
@click.option("--no-warm", is_flag=True, help="Start each kernel the ordinary way.")
@click.option("--inline", is_flag=True, help="Run notebooks in this process; breakpoints stop.")
@click.option("--detach", is_flag=True, help="Start it, and return; it goes on by itself.")
@click.option("--json", "as_json", is_flag=True, help="Write each event as a line of JSON.")
@click.pass_context
def run(  # noqa: PLR0913 - the options of the command
    ctx: click.Context,
    pipeline: Path,
    *,
    root: Path,
    sets: tuple[str, ...],
    only: tuple[str, ...],
    fresh: bool,
    no_warm: bool,
    inline: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Run the pipeline in the file PIPELINE.

    What ran before with the same code, parameters and inputs is taken from there. Exits with 0 if
    all went well, 1 if something failed or was stopped, 2 if the pipeline can't run as written,
    130 after Ctrl-C. With --detach it exits with 0 as soon as the run has begun, which outlives the
    terminal. With --inline notebooks run one after another in nbexp's own process, without Ray:
    breakpoint() stops in this terminal, and later runs don't use what they leave.
    """
    if inline and detach:
        remedy = "Leave out one of them."
        raise click.UsageError(f"--inline is for a terminal, and --detach leaves it. {remedy}")
    request = RunRequest(root / pipeline, sets, only, fresh, warm=not no_warm, inline=inline)
    if detach:
        start_run(request, as_json=as_json)
    else:
        ctx.exit(run_pipeline(request, as_json=as_json))


def run_pipeline(request: RunRequest, *, as_json: bool) -> int:
    """Run a pipeline and show it; return the exit code."""
    pipeline = Pipeline.from_toml(request.pipeline, sets=request.sets)
    screen, tally, failed = Screen(), Tally(), _FirstFailure()
    progress = _progress(pipeline, screen, tally, as_json=as_json, inline=request.inline)
    file = RequestFile(pipeline.spec.folder / RUNS, request)
    try:
        with progress:
            pipeline.run(
                only=request.only,
                fresh=request.fresh,
                warm=request.warm,
                inline=request.inline,
                progress=False,
                listeners=[tally, failed, file, NameTeller(), progress],
            )
        if not as_json:
            steps = _next_steps(pipeline, tally, failed.name, request)
            _sum_up(screen, pipeline, tally, steps)
    except OSError as error:
        if error.errno != errno.EIO or tally.state is None:
            raise  # else the run has ended, and its terminal was closed
    return _exit_code(tally)


def start_run(request: RunRequest, *, as_json: bool) -> None:
    """Start a run that goes on by itself, and tell how to follow it.

    Raises:
        NbexpError: It did not begin.
    """
    run = start(request)
    if as_json:
        click.echo(shown_json({"run": run.id, "folder": str(run.folder.path)}))
        return
    screen = Screen()
    screen.line((run.id, "bold"), " goes on by itself")
    screen.line(f"  in {short_path(run.folder.path)}")
    for command, what in (
        ("nbexp logs --follow", "what it prints"),
        ("nbexp show", "how it stands"),
        ("nbexp stop", "ends it"),
    ):
        command_there = next_step(command, run.folder.project)
        screen.line("  next: ", (f"{command_there:<24}", "bold"), (f"  {what}", "dim"))


class _FirstFailure:
    def __init__(self) -> None:
        self.name: str | None = None

    def notify(self, event: Event) -> None:
        is_end = event.kind is EventKind.VARIANT_ENDED
        if is_end and self.name is None and State(event.data["state"]).is_failure:
            self.name = event.data["variant"]


def _progress(
    pipeline: Pipeline, screen: Screen, tally: Tally, *, as_json: bool, inline: bool
) -> Progress:
    if as_json:
        return JsonLines()
    if screen.is_terminal and not inline:  # a debugger has the terminal for itself
        time_left = TimeLeft(pipeline.spec, read_took(pipeline.spec))
        return LiveProgress(screen, tally, time_left)
    return Lines(screen.line, tally)


def _exit_code(tally: Tally) -> int:
    if tally.state is State.FINISHED:
        return 0
    return _SIGNALS.get(tally.stop_reason or "", FAILED)


def _sum_up(
    screen: Screen, pipeline: Pipeline, tally: Tally, steps: Sequence[tuple[str, str]]
) -> None:
    spec = pipeline.spec
    folder = RunFolder(spec.folder / RUNS / tally.run)
    summarise(screen.line, tally, folder.path)
    if spec.report and folder.report_page.is_file():
        screen.line("  report ", (short_path(folder.report_page), "bold"))
    for command, what in steps:
        command_there = next_step(command, spec.folder)
        screen.line("  next: ", (f"{command_there:<24}", "bold"), (f"  {what}", "dim"))


def _next_steps(
    pipeline: Pipeline, tally: Tally, failed: str | None, request: RunRequest
) -> list[tuple[str, str]]:
    steps = []
    if failed is not None:
        steps.append((f"nbexp logs {failed}", "what it printed, to its end"))
        if request.inline:
            steps.append(("breakpoint()", "in the cell that failed; run it inline again: it stops"))
    if tally.state is State.STOPPED:
        options = f", with {request.options}" if request.options else ""
        steps.append((f"nbexp resume {tally.run}", f"goes on from here{options}"))
    steps.append(("nbexp show", "all variants of this run"))
    if pipeline.spec.tracking.uri is None and not os.environ.get("MLFLOW_TRACKING_URI"):
        steps.append(("mlflow ui", "metrics and notebooks in the browser"))
    return steps
