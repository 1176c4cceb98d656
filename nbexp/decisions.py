"""What a scheduler decides of a variant: one value from Tune's edge to the notebook's kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nbexp.files import from_json, to_json


class DecisionKind(StrEnum):
    """What a variant is to do."""

    CONTINUE = "continue"
    STOP = "stop"  # at once: it is pruned
    END = "end"  # it has been trained in full: end its loop, and run the rest of its notebook
    PAUSE = "pause"  # give up the slot, and wait to be chosen again
    EXPLOIT = "exploit"  # go on from a donor's snapshot, with changed values; it waits to be chosen


@dataclass(frozen=True)
class Decision:
    """What a scheduler decided of a variant, and why.

    Attributes:
        kind: What it is to do.
        snapshot: Whether it must take a snapshot at its next iteration: it may become a donor.
        reason: One sentence for people.
        donor: For `EXPLOIT`, the variant whose snapshot it goes on from.
        donor_step: The last step that the donor had reported when that snapshot was asked for.
        values: For `EXPLOIT`, its new values, all of them, by key.
        report: Number of the report that it answers.
    """

    kind: DecisionKind = DecisionKind.CONTINUE
    snapshot: bool = False
    reason: str = ""
    donor: str | None = None
    donor_step: int | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    report: int = 0

    def to_line(self) -> bytes:
        """Return what a kernel has to know, as a line of JSON."""
        told = {"kind": self.kind.value, "snapshot": self.snapshot, "reason": self.reason}
        return f"{to_json(told)}\n".encode()

    @classmethod
    def from_line(cls, line: bytes) -> Decision:
        """Return what a line says; `CONTINUE` where it says nothing that is known."""
        try:
            told = from_json(line)
            kind, reason = DecisionKind(told["kind"]), str(told.get("reason") or "")
            return cls(kind, bool(told.get("snapshot")), reason)
        except (ValueError, LookupError, TypeError, AttributeError):
            return cls()
