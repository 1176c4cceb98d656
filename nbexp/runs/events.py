"""What happens in a run, told to everything that reacts to it.

Tracking, progress and user interfaces are listeners. One that fails is logged, told nothing
more, and breaks nothing.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from nbexp.files import append_line
from nbexp.metrics import EntryRecord
from nbexp.pipeline import Mode, Score
from nbexp.records import Name, fits
from nbexp.runs.outcome import CellError
from nbexp.states import State

if TYPE_CHECKING:
    from nbexp.runs.folder import RunFolder

_log = logging.getLogger(__name__)


class EventKind(StrEnum):
    """The kinds of events, with the data that each carries beside its time."""

    RUN_STARTED = "run_started"  # run, pipeline, stages: names; metrics: with mode and score
    VARIANT_ADDED = "variant_added"  # variant, stage, label, lineage
    VARIANT_STARTED = "variant_started"  # variant, stage, attempt, params
    METRICS = "metrics"  # variant, stage, entries: records of `nbexp.metrics.Entry`, in order
    CELL = "cell"  # variant, stage, number, count, line, began: of one that runs for a while
    VARIANT_PAUSED = "variant_paused"  # variant, stage, reason, step
    VARIANT_EXPLOITED = "variant_exploited"  # variant, stage, step, donor, params: those changed
    VARIANT_RETRIED = "variant_retried"  # variant, stage, attempt, reason, folder
    VARIANT_ENDED = "variant_ended"  # variant, stage, label, state, and what is known of its result
    STAGE_ENDED = "stage_ended"  # stage, kept: names, best first, where it has a reduce
    WARNING = "warning"  # message
    REPLIED = "replied"  # id: of a request; is_done, message
    WORKERS_AWAITED = "workers_awaited"  # nothing more; once, where there is something to execute
    RUN_PAUSED = "run_paused"  # nothing more
    RUN_CONTINUED = "run_continued"  # nothing more
    RUN_STOPPING = "run_stopping"  # reason
    RUN_ENDED = "run_ended"  # state


_TYPES = {
    "run": str, "pipeline": str, "stages": list[Name], "metrics": dict[Name, list[str]],
    "variant": Name, "stage": Name, "label": str, "lineage": dict[str, str], "attempt": int,
    "entries": list[EntryRecord], "reason": str, "step": int | None, "donor": str,
    "params": dict[str, Any], "state": State, "duration_s": float | None, "metric": float | None,
    "error": CellError | None, "note": str, "source": str | None, "folder": str,
    "kept": list[Name],
    "number": int | None, "count": int, "line": str, "began": float,
    "message": str, "is_done": bool,
}  # fmt: skip
_OF_VARIANT = ("variant", "stage")
_NEEDED = {
    EventKind.RUN_STARTED: ("run", "pipeline", "stages", "metrics"),
    EventKind.VARIANT_ADDED: _OF_VARIANT,
    EventKind.VARIANT_STARTED: (*_OF_VARIANT, "attempt"),
    EventKind.METRICS: (*_OF_VARIANT, "entries"),
    EventKind.CELL: (*_OF_VARIANT, "number", "count", "line", "began"),
    EventKind.VARIANT_PAUSED: _OF_VARIANT,
    EventKind.VARIANT_EXPLOITED: (*_OF_VARIANT, "donor", "step"),
    EventKind.VARIANT_RETRIED: _OF_VARIANT,
    EventKind.VARIANT_ENDED: (*_OF_VARIANT, "state"),
    EventKind.STAGE_ENDED: ("stage", "kept"),
    EventKind.WARNING: ("message",),
    EventKind.RUN_ENDED: ("state",),
}


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
        """Return the event that `to_record` gave.

        Raises:
            ValueError: It holds no event of a known kind, or not what that carries.
        """
        if not isinstance(record, Mapping) or not fits(record.get("time"), float):
            raise ValueError("no event with its time")
        data = {key: value for key, value in record.items() if key not in ("time", "event")}
        kind = EventKind(str(record.get("event")))
        if lacking := [key for key in _NEEDED.get(kind, ()) if key not in data]:
            raise ValueError(f"{kind} without {lacking[0]}")
        if "variant" in data and "stage" not in data:
            raise ValueError(f"{kind} of a variant without its stage")
        for key in data.keys() & _TYPES.keys():
            if not fits(data[key], _TYPES[key]):
                raise ValueError(f"{kind} with an odd {key}")
        if kind is EventKind.RUN_STARTED and not all(map(_is_rule, data["metrics"].values())):
            raise ValueError(f"{kind} with odd metrics")
        return cls(kind, record["time"], data)


def _is_rule(rule: Sequence[str]) -> bool:
    """Whether it is a metric with its mode and, where there is one, its score."""
    return fits(rule[1:2], list[Mode]) and fits(rule[2:], list[Score]) and len(rule) in (2, 3)


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


class EventLog:
    """Appends every event of a run to its file.

    Events that can't be written, as on a disk that is full, are kept and written with the next.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.events
        self._waiting: deque[Event] = deque()

    @property
    def is_whole(self) -> bool:
        """Whether all events have been written."""
        return not self._waiting

    def notify(self, event: Event) -> None:
        """Append an event."""
        self._waiting.append(event)
        try:
            while self._waiting:
                append_line(self._path, self._waiting[0].to_record())
                self._waiting.popleft()
        except OSError as error:
            if len(self._waiting) == 1:
                _log.warning("events can't be written: %s", error)
