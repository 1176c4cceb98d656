"""Ask whether a variant goes on: one JSON line each way, over the worker's Unix socket."""

from __future__ import annotations

import socket

from nbexp.decisions import Decision
from nbexp.files import to_json


def ask(address: str, step: int, value: float) -> Decision:
    """Report a value of the stage's metric, and wait for the decision.

    Where nobody answers any more (the worker is gone), the notebook carries on.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(address)
            connection.sendall((to_json({"step": step, "value": value}) + "\n").encode())
            with connection.makefile("rb") as answer:
                return Decision.from_line(answer.readline())
    except OSError:
        return Decision()
