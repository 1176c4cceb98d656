"""What happens in a run, told to everything that reacts to it.

Tracking, progress and user interfaces are listeners. One that fails is logged, told nothing
more, and breaks nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

_log = logging.getLogger(__name__)


class EventKind(StrEnum):
    """The kinds of events, with the data that each carries beside its time."""

    RUN_STARTED = "run_started"  # run, pipeline, stages: names; metrics: with mode and score
    VARIANT_ADDED = "variant_added"  # variant, stage, label, lineage
    VARIANT_STARTED = "variant_started"  # variant, stage, attempt, params
    METRICS = "metrics"  # variant, stage, entries: records of `nbexp.metrics.Entry`, in order
    VARIANT_PAUSED = "variant_paused"  # variant, stage, reason, step
    VARIANT_EXPLOITED = "variant_exploited"  # variant, stage, step, donor, params: those changed
    VARIANT_RETRIED = "variant_retried"  # variant, stage, attempt, reason, folder
    VARIANT_ENDED = "variant_ended"  # variant, stage, label, state, and what is known of its result
    STAGE_ENDED = "stage_ended"  # stage, kept: names, best first, where it has a reduce
    WARNING = "warning"  # message
    REPLIED = "replied"  # id: of a request; is_done, message
    RUN_PAUSED = "run_paused"  # nothing more
    RUN_CONTINUED = "run_continued"  # nothing more
    RUN_STOPPING = "run_stopping"  # reason
    RUN_ENDED = "run_ended"  # state


@dataclass(frozen=True)
class Event:
    """Something that happened in a run.

    Attributes:
        kind: What kind of thing.
        time: Seconds since 1970.
        data: JSON values by name, as listed at `EventKind`.
    """

    kind: EventKind
    time: float
    data: Mapping[str, Any]

    def to_record(self) -> dict[str, Any]:
        """Return the event as a table for JSON."""
        return {"time": self.time, "event": self.kind.value, **self.data}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Event:
        """Return the event that `to_record` gave."""
        data = {key: value for key, value in record.items() if key not in ("time", "event")}
        return cls(EventKind(record["event"]), record["time"], data)


class Listener(Protocol):
    """Something that reacts to a run."""

    def notify(self, event: Event) -> None:
        """React to an event."""


class Events:
    """Tells events to listeners.

    Args:
        listeners: Who is told, in order.
    """

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._listeners = list(listeners)

    def emit(self, kind: EventKind, **data: Any) -> None:
        """Tell every listener that something happened now."""
        event = Event(kind, time.time(), data)
        for listener in tuple(self._listeners):
            try:
                listener.notify(event)
            except BrokenPipeError:  # whoever read what it wrote, such as `head`, has gone
                self._listeners.remove(listener)
            except Exception:
                _log.exception("%s failed and is told no more events", type(listener).__name__)
                self._listeners.remove(listener)
