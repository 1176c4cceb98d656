"""Asks something of a run that goes on, and tells what came of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from nbexp.cli._screen import Screen
from nbexp.errors import UsageError
from nbexp.files import shown_json
from nbexp.runs.control import Reply
from nbexp.runs.finding import find_alive
from nbexp.runs.run import Run

_VERBS = {"add": "add to", "pause": "pause", "continue": "continue"}


def find_asked(root: Path, name: str | None, what: str) -> Run:
    """Return the run that goes on which a command asks something of.

    Raises:
        UsageError: There is no such run.
    """
    found = find_alive(root, name, _VERBS[what])
    if found.variant is not None:
        raise UsageError(f"{found.variant.name} is a variant; nbexp {what} takes a run.")
    return Run(found.folder)


def tell_reply(run: Run, reply: Reply, *, as_json: bool) -> int:
    """Write what a run has answered; return the exit code."""
    if as_json:
        click.echo(shown_json({"run": run.id, **asdict(reply)}, indent=1))
    else:
        Screen(to_error=not reply.is_done).line(f"{run.id}: {reply.message}")
    return 0 if reply.is_done else 1
