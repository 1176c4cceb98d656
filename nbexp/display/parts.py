"""Lines as they are handed to whoever writes them: texts, with styles for who knows styles."""

from __future__ import annotations

from typing import Protocol

from nbexp.controls import plain
from nbexp.states import State

Part = str | tuple[str, str]  # a text, or a text and its style as rich names it

STYLES = {
    State.PENDING: "dim",
    State.RUNNING: "cyan",
    State.PAUSED: "dim cyan",
    State.FINISHED: "green",
    State.CACHED: "blue",
    State.PRUNED: "magenta",
    State.FAILED: "bold red",
    State.TIMED_OUT: "bold red",
    State.SKIPPED: "yellow",
    State.STOPPED: "yellow",
}


class Write(Protocol):
    """Writes one line, made of texts and of pairs of text and style."""

    def __call__(self, *parts: Part) -> None:
        """Write it."""


def plain_line(*parts: Part) -> str:
    """Return a line without styles, and without what steers terminals."""
    return "".join(plain(part if isinstance(part, str) else part[0]) for part in parts)
