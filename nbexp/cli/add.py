"""The command ``add``: adds variants to a run that goes on."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._asking import find_asked, tell_reply
from nbexp.errors import UsageError
from nbexp.runs.additions import choose_stage, read_settings


@click.command()
@click.argument("run", required=False)
@click.option("--stage", metavar="STAGE", help="The stage; the run's only one by default.")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many draws or suggestions more for each grid point.",
)
@click.option(
    "--set",
    "sets",
    metavar="PARAM=VALUE",
    multiple=True,
    help="Set a parameter of those added to a TOML value; may be repeated.",
)
@_options.directory
@_options.as_json
@click.pass_context
def add(  # noqa: PLR0913 - the options of the command
    ctx: click.Context,
    run: str | None,
    *,
    stage: str | None,
    samples: int | None,
    sets: tuple[str, ...],
    root: Path,
    as_json: bool,
) -> None:
    """Add variants to a stage of a run that goes on.

    RUN is the one that goes on by default. With --samples, there are more draws, or suggestions
    of its search; with --set, variants with these values. Exits with 1 if nothing was added.
    """
    if samples is None and not sets:
        raise UsageError("Say what to add: --samples N, or --set PARAM=VALUE, or both.")
    asked = find_asked(root, run, "add")
    chosen = choose_stage(asked.id, asked.history.stages, stage)
    params = read_settings(asked.folder, chosen, sets)
    reply = asked.add(chosen, samples=samples, params=params)
    ctx.exit(tell_reply(asked, reply, as_json=as_json))
