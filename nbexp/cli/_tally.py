"""How a run stands, in numbers: each event costs the same, however many variants there are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbexp.pipeline import Mode
from nbexp.run import Event, EventKind
from nbexp.states import State


@dataclass
class StageTally:
    """How a stage stands.

    Attributes:
        name: Name of the stage.
        metric: Its metric, if it has one.
        mode: Whether larger or smaller values are better.
        total: Number of variants known.
        ended: Number of variants that ended, by state.
        running: When each variant that runs began, by name.
        best: Best metric so far, with the variant's name and label.
        has_ended: Whether all of it has ended.
    """

    name: str
    metric: str | None = None
    mode: Mode = Mode.MAX
    total: int = 0
    ended: Counter[State] = field(default_factory=Counter)
    running: dict[str, float] = field(default_factory=dict)
    best: tuple[float, str] | None = None
    has_ended: bool = False
    _seconds: Counter[State] = field(default_factory=Counter)
    _timed: Counter[State] = field(default_factory=Counter)

    @property
    def done(self) -> int:
        """Number of variants that ended."""
        return self.ended.total()

    @property
    def left(self) -> int:
        """Number of variants that have yet to end."""
        return self.total - self.done

    @property
    def mean_s(self) -> float | None:
        """Mean seconds of a variant that ran in this run, else of one that ran before."""
        for state in (State.FINISHED, State.CACHED):
            if self._timed[state]:
                return self._seconds[state] / self._timed[state]
        return None

    def end(self, data: Mapping[str, Any]) -> None:
        """Note that a variant has ended."""
        state = State(data["state"])
        self.running.pop(data["variant"], None)
        self.ended[state] += 1
        if data.get("duration_s") is not None:
            self._seconds[state] += data["duration_s"]
            self._timed[state] += 1
        if state.is_success and data.get("metric") is not None:
            self._compare(data["metric"], f"{data['variant']} {data['label']}".strip())

    def _compare(self, value: float, who: str) -> None:
        sign = 1 if self.mode is Mode.MAX else -1
        if self.best is None or sign * value > sign * self.best[0]:
            self.best = (value, who)


class Tally:
    """How a run stands; a listener of its events."""

    def __init__(self) -> None:
        self.run = ""
        self.stages: dict[str, StageTally] = {}
        self.began = time.time()
        self.state: State | None = None
        self.stop_reason: str | None = None
        self.warnings = 0
        self.has_started_any = False
        self.most_running = 0

    @property
    def counts(self) -> Counter[State]:
        """Number of variants that ended, by state."""
        return sum((stage.ended for stage in self.stages.values()), Counter())

    @property
    def waits_for_ray(self) -> bool:
        """Whether there is something to run, and nothing has been started yet."""
        left = any(stage.left for stage in self.stages.values())
        return left and not self.has_started_any and self.stop_reason is None

    def notify(self, event: Event) -> None:
        """Take in an event."""
        data = event.data
        if event.kind is EventKind.RUN_STARTED:
            self.run = data["run"]
            metrics = {name: (m, Mode(mode)) for name, (m, mode) in data["metrics"].items()}
            self.stages = {n: StageTally(n, *metrics.get(n, ())) for n in data["stages"]}
        elif event.kind is EventKind.RUN_STOPPING:
            self.stop_reason = data["reason"]
        elif event.kind is EventKind.RUN_ENDED:
            self.state = State(data["state"])
        elif event.kind is EventKind.WARNING:
            self.warnings += 1
        elif "stage" in data:
            self._take(event, self.stages[data["stage"]])

    def _take(self, event: Event, stage: StageTally) -> None:
        if event.kind is EventKind.VARIANT_ADDED:
            stage.total += 1
        elif event.kind is EventKind.VARIANT_STARTED:
            stage.running[event.data["variant"]] = event.time
            self.has_started_any = True
            running = sum(len(each.running) for each in self.stages.values())
            self.most_running = max(self.most_running, running)
        elif event.kind is EventKind.VARIANT_RETRIED:
            stage.running.pop(event.data["variant"], None)
        elif event.kind is EventKind.VARIANT_ENDED:
            stage.end(event.data)
        elif event.kind is EventKind.STAGE_ENDED:
            stage.has_ended = True
