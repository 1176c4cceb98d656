"""The command ``pause``: pauses a run that goes on."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._asking import find_asked, tell_reply


@click.command()
@click.argument("run", required=False)
@_options.directory
@_options.as_json
@click.pass_context
def pause(ctx: click.Context, run: str | None, *, root: Path, as_json: bool) -> None:
    """Pause a run that goes on.

    Nothing more starts. What runs gives up its place at the next snapshot of its `nbexp.loop`;
    a notebook without one runs to its end. RUN is the one that goes on by default.
    """
    asked = find_asked(root, run, "pause")
    ctx.exit(tell_reply(asked, asked.pause(), as_json=as_json))
