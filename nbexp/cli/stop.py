"""The command ``stop``: stops a run or a variant, and tells what became of it."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._screen import Screen
from nbexp.errors import UsageError
from nbexp.runs.control import request_stop
from nbexp.runs.finding import Found, find_alive, find_variant
from nbexp.runs.run import Run
from nbexp.wording import counts_text

_PATIENCE_S = 15.0
_LOOK_S = 0.1


@click.command()
@click.argument("run", required=False)
@click.argument("variant", required=False)
@_options.directory
@click.pass_context
def stop(ctx: click.Context, run: str | None, variant: str | None, *, root: Path) -> None:
    """Stop a run that goes on, or one of its variants.

    RUN is the one that goes on by default; with VARIANT, that variant alone is stopped. What
    has been done is kept. Waits some seconds and tells what happened.
    """
    ctx.exit(stop_run(root, run, variant))


def stop_run(root: Path, run: str | None, variant: str | None) -> int:
    """Stop a run, or one variant of it; return the exit code.

    Raises:
        UsageError: Nothing by that name goes on.
    """
    found = _going_on(root, run, variant)
    name = found.variant.name if found.variant else None
    stopping = Run(found.folder)
    request_stop(stopping.folder, name)
    history = stopping.await_end(name, timeout_s=_PATIENCE_S, every_s=_LOOK_S)
    if history is None:
        what = name or stopping.id
        _tell(f"{what} was asked to stop, but has not within {_PATIENCE_S:g} s; see nbexp show.")
        return 1
    if name is not None and history.variants[name].state.is_final:
        return _tell(f"{name} is {history.variants[name].state}.")
    return _tell(f"{stopping.id} is {history.state}: {counts_text(history.counts)}.")


def _tell(message: str) -> int:
    Screen().line(message)
    return 0


def _going_on(root: Path, run: str | None, variant: str | None) -> Found:
    found = find_alive(root, run, "stop")
    if variant is not None:
        found = Found(found.folder, found.history, find_variant(found.history, variant))
    if found.variant is not None and found.variant.state.is_final:
        ended = f"{found.variant.name} has ended ({found.variant.state})"
        raise UsageError(f"{ended}; there is nothing to stop.")
    return found
