"""The command ``resume``: goes on with a run that was stopped or cut off."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli.run import run_pipeline
from nbexp.errors import UsageError
from nbexp.runs.finding import find_run
from nbexp.runs.history import read_history
from nbexp.runs.request import read_request
from nbexp.states import State


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
    folder = find_run(root, run)
    if folder.is_alive():
        raise UsageError(f"{folder.id} goes on still; nbexp continue ends a pause of it.")
    if read_history(folder).state is State.FINISHED:
        remedy = "nbexp run runs its pipeline again."
        raise UsageError(f"{folder.id} has finished: there is nothing to go on with. {remedy}")
    ctx.exit(run_pipeline(read_request(folder), as_json=as_json))
