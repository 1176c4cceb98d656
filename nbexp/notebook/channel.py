"""Ask whether a variant goes on: one JSON line each way, over the worker's Unix socket."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum

from nbexp.files import from_json, to_json


class Verdict(StrEnum):
    """What a scheduler decided on a report."""

    CONTINUE = "continue"
    STOP = "stop"
    END = "end"
    PAUSE = "pause"
    EXPLOIT = "exploit"


@dataclass(frozen=True)
class Decision:
    """The answer to a report.

    Attributes:
        verdict: What the variant is to do.
        snapshot: Whether a snapshot must be taken at the start of the next iteration.
        text: Why, for the notebook's reader.
    """

    verdict: Verdict = Verdict.CONTINUE
    snapshot: bool = False
    text: str = ""


def ask(address: str, step: int, value: float) -> Decision:
    """Report a value of the stage's metric, and wait for the decision.

    Where nobody answers any more (the worker is gone), the notebook carries on.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(address)
            connection.sendall((to_json({"step": step, "value": value}) + "\n").encode())
            with connection.makefile("rb") as answer:
                return _decision(answer.readline())
    except OSError:
        return Decision()


def _decision(line: bytes) -> Decision:
    try:
        answer = from_json(line)
        verdict = Verdict(answer["decision"])
        return Decision(verdict, bool(answer.get("snapshot")), str(answer.get("text") or ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        return Decision()
