"""Events of a run, as who listens to a run is told of them; made without running anything."""

from __future__ import annotations

import time
from typing import Any

from nbexp.runs.events import Event, EventKind

ERROR = {
    "name": "ValueError",
    "message": "too much",
    "cell": 3,
    "template": "templates/train.ipynb",
    "template_cell": 2,
    "source": "a\nraise ValueError('too much')",
    "traceback": "line 2\nValueError: too much",
}


class Told:
    """Tells listeners of events, as a run does."""

    def __init__(self, *listeners: Any) -> None:
        self._listeners = listeners

    def __call__(self, kind: EventKind, **data: Any) -> None:
        event = Event(kind, time.time(), data)
        for listener in self._listeners:
            listener.notify(event)

    def begin(self) -> None:
        stages = {"stages": ["train", "test"], "metrics": {"train": ["acc", "max"]}}
        self(EventKind.RUN_STARTED, run="r-1", pipeline="r", **stages)

    def add(self, name: str, label: str = "", stage: str = "train") -> None:
        self(EventKind.VARIANT_ADDED, variant=name, stage=stage, label=label, lineage={})

    def start(self, name: str, stage: str = "train") -> None:
        self(EventKind.VARIANT_STARTED, variant=name, stage=stage, attempt=1)

    def end(self, name: str, state: str, label: str = "", **data: Any) -> None:
        more = {"duration_s": 2.0, "label": label, **data}
        self(EventKind.VARIANT_ENDED, variant=name, stage="train", state=state, **more)

    def log(self, name: str, *entries: tuple[int, dict[str, float]]) -> None:
        records = [{"time": 1.0, "step": step, "values": values} for step, values in entries]
        self(EventKind.METRICS, variant=name, stage="train", entries=records)

    def pause(self, name: str, step: int | None = 1) -> None:
        self(EventKind.VARIANT_PAUSED, variant=name, stage="train", reason="others", step=step)
