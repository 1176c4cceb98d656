"""Events of a run, as who listens to a run is told of them; made without running anything."""

from __future__ import annotations

import time
from typing import Any

from nbexp.runs.events import Event, EventKind


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
