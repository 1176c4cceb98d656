"""The commands around running: ``run``, ``resume`` and ``plan``."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options


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
    from nbexp.cli._running import run_pipeline, start_run
    from nbexp.runs.request import RunRequest

    if inline and detach:
        remedy = "Leave out one of them."
        raise click.UsageError(f"--inline is for a terminal, and --detach leaves it. {remedy}")
    request = RunRequest(root / pipeline, sets, only, fresh, warm=not no_warm, inline=inline)
    if detach:
        start_run(request, as_json=as_json)
    else:
        ctx.exit(run_pipeline(request, as_json=as_json))


@click.command()
@click.argument("run", required=False)
@_options.directory
@click.option("--json", "as_json", is_flag=True, help="Write each event as a line of JSON.")
@click.pass_context
def resume(ctx: click.Context, run: str | None, *, root: Path, as_json: bool) -> None:
    """Go on with a run that was stopped or cut off.

    Runs its pipeline, as the file is now, with the very --set, --only, --no-warm and --inline, and
    with what nbexp add has added to it. What has finished is looked up. RUN is the last one by
    default.
    """
    from nbexp.cli._running import run_pipeline
    from nbexp.errors import UsageError
    from nbexp.runs.finding import find_run
    from nbexp.runs.history import read_history
    from nbexp.runs.request import read_request
    from nbexp.states import State

    folder = find_run(root, run)
    if folder.is_alive():
        raise UsageError(f"{folder.id} goes on still; nbexp continue ends a pause of it.")
    if read_history(folder).state is State.FINISHED:
        remedy = "nbexp run runs its pipeline again."
        raise UsageError(f"{folder.id} has finished: there is nothing to go on with. {remedy}")
    ctx.exit(run_pipeline(read_request(folder), as_json=as_json))


@click.command()
@_options.pipeline_options
@_options.as_json
@_options.show_all
def plan(  # noqa: PLR0913 - the options of the command
    pipeline: Path,
    *,
    root: Path,
    sets: tuple[str, ...],
    only: tuple[str, ...],
    fresh: bool,
    as_json: bool,
    show_all: bool,
) -> None:
    """Tell what a run would do, and run nothing.

    Shows the variants with their keys, which of them are cached, and how long the rest may take.
    """
    from nbexp.cli._planning import show_plan
    from nbexp.runs.request import RunRequest

    show_plan(RunRequest(root / pipeline, sets, only, fresh), as_json=as_json, show_all=show_all)


COMMANDS = (run, resume, plan)
