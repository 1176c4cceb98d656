"""Ask whether a variant goes on: one JSON line each way, over the worker's Unix socket.

Where the notebook runs in the worker's own process, the worker is called.
"""

from __future__ import annotations

import socket
from collections.abc import Callable

from nbexp.decisions import Decision
from nbexp.files import to_json

INLINE = "inline"  # the address of who answers in this process
_answering: list[Callable[[int, float], Decision]] = []


def answer_here(answer: Callable[[int, float], Decision] | None) -> None:
    """Have reports of this process answered by a function; None for nobody."""
    _answering[:] = [answer] if answer is not None else []


def ask(address: str, step: int, value: float) -> Decision:
    """Report a value of the stage's metric, and wait for the decision.

    Where nobody answers any more (the worker is gone), the notebook carries on.
    """
    if address == INLINE:
        return _answering[0](step, value) if _answering else Decision()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(address)
            connection.sendall((to_json({"step": step, "value": value}) + "\n").encode())
            with connection.makefile("rb") as answer:
                return Decision.from_line(answer.readline())
    except OSError:
        return Decision()
