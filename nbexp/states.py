"""The states of a variant and of a run."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """State of a variant.

    A variant starts as `PENDING`, goes through `RUNNING`, maybe `PAUSED` and `RUNNING` again, and
    ends in one of the others. `PRUNED` is one that its scheduler stopped early.
    """

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CACHED = "cached"
    PRUNED = "pruned"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"
    TIMED_OUT = "timed out"

    @property
    def is_final(self) -> bool:
        """Whether the variant has ended, in whichever way."""
        return self not in (State.PENDING, State.RUNNING, State.PAUSED)

    @property
    def is_success(self) -> bool:
        """Whether the variant's outputs may be used."""
        return self in (State.FINISHED, State.CACHED, State.PRUNED)

    @property
    def is_failure(self) -> bool:
        """Whether the variant itself went wrong, or ran out of time."""
        return self in (State.FAILED, State.TIMED_OUT)
