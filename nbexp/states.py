"""The states of a variant and of a run."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """State of a variant.

    A variant starts as `PENDING`, goes through `RUNNING` and ends in one of the others.
    """

    PENDING = "pending"
    RUNNING = "running"
    FINISHED = "finished"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"
    STOPPED = "stopped"
    TIMED_OUT = "timed out"

    @property
    def is_final(self) -> bool:
        """Whether the variant has ended, in whichever way."""
        return self not in (State.PENDING, State.RUNNING)

    @property
    def is_success(self) -> bool:
        """Whether the variant's outputs may be used."""
        return self in (State.FINISHED, State.CACHED)

    @property
    def is_failure(self) -> bool:
        """Whether the variant itself went wrong, or ran out of time."""
        return self in (State.FAILED, State.TIMED_OUT)
