"""The command ``continue``: has a run go on that was paused."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._asking import find_asked, tell_reply


@click.command("continue")
@click.argument("run", required=False)
@_options.directory
@_options.as_json
@click.pass_context
def continue_(ctx: click.Context, run: str | None, *, root: Path, as_json: bool) -> None:
    """Have a run go on that was paused.

    RUN is the one that is under way by default.
    """
    asked = find_asked(root, run, "continue")
    ctx.exit(tell_reply(asked, asked.go_on(), as_json=as_json))
