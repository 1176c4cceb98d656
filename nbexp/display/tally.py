"""How a run stands, in numbers: each event costs the same, however many variants there are."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbexp.pipeline import Mode, Score
from nbexp.plan import Durations
from nbexp.plan.variants import short
from nbexp.runs.events import Event, EventKind
from nbexp.states import State
from nbexp.wording import selection_text


@dataclass
class VariantTally:
    """How a variant stands.

    Attributes:
        name: Name of the variant.
        label: The parameters that tell it from its siblings.
        params: Its parameters, once it has started.
        step: The newest step that it logged, if it did.
        shown: Name of what it logged there: the stage's metric, where it logs that.
        value: The number that it logged there.
        score: The value of its metric that counts so far, if it is known.
        cell: The cell that runs, once it has run for a moment, as its event tells it.
        changed: The parameters that were changed while it ran, by key.
    """

    name: str
    label: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    step: int | None = None
    shown: str = ""
    value: float | None = None
    score: float | None = None
    cell: Mapping[str, Any] | None = None
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name and label, and what has become of its parameters since."""
        now = " ".join(f"{key}={short(value)}" for key, value in self.changed.items())
        return f"{self.name} {self.label}{f' (now {now})' if now else ''}".rstrip()

    def show(self, name: str, value: float, step: int) -> None:
        """Note what it logged last."""
        self.shown, self.value, self.step = name, value, step


@dataclass
class StageTally:
    """How a stage stands.

    Attributes:
        name: Name of the stage.
        metric: Its metric, if it has one.
        mode: Whether larger or smaller values are better.
        rule: Which of the values that a variant reports of the metric counts.
        total: Number of variants known.
        ended: Number of variants that ended, by state.
        running: When each variant that runs began, by name.
        paused: Names of the variants that have given up their places for a while.
        variants: The variants, by name.
        has_ended: Whether all of it has ended.
        durations: How long the variants took that were executed in this run and succeeded.
    """

    name: str
    metric: str | None = None
    mode: Mode = Mode.MAX
    rule: Score = Score.LAST
    total: int = 0
    ended: Counter[State] = field(default_factory=Counter)
    running: dict[str, float] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    variants: dict[str, VariantTally] = field(default_factory=dict)
    has_ended: bool = False
    durations: Durations = field(default_factory=Durations)
    _best: tuple[float, str] | None = None  # of those that have ended

    @property
    def done(self) -> int:
        """Number of variants that ended."""
        return self.ended.total()

    @property
    def left(self) -> int:
        """Number of variants that have yet to end."""
        return self.total - self.done

    @property
    def selection(self) -> str:
        """Of how many variants the best is the best, where others were stopped; else empty."""
        return selection_text(self.ended) if not self.left else ""

    @property
    def best(self) -> tuple[float, str] | None:
        """Best metric so far, also of what goes on, with the variant's name and label."""
        best = self._best
        for name in (*self.running, *self.paused):
            variant = self.variant(name)
            if variant.score is not None and self._is_better(variant.score, best):
                best = (variant.score, variant.title)
        return best

    def variant(self, name: str) -> VariantTally:
        """Return a variant."""
        return self.variants.setdefault(name, VariantTally(name))

    def add(self, data: Mapping[str, Any]) -> None:
        """Note a variant that has come into being."""
        self.total += 1
        self.variant(data["variant"]).label = data["label"]

    def start(self, data: Mapping[str, Any], when: float) -> None:
        """Note that a variant runs, for the first time or again."""
        self.paused.discard(data["variant"])
        self.running[data["variant"]] = when
        variant = self.variant(data["variant"])
        variant.params, variant.cell = data.get("params", {}), None

    def pause(self, data: Mapping[str, Any]) -> None:
        """Note that a variant has given up its place."""
        self.running.pop(data["variant"], None)
        self.paused.add(data["variant"])

    def log(self, data: Mapping[str, Any]) -> None:
        """Note what a variant has logged."""
        variant = self.variant(data["variant"])
        for entry in data["entries"]:
            values, step = entry.get("values", {}), entry["step"]
            if self.metric in values:
                variant.show(str(self.metric), values[self.metric], step)
                self._score(variant, values[self.metric])
            elif values and variant.shown != self.metric:
                name, value = next(iter(values.items()))
                variant.show(name, value, step)

    def end(self, data: Mapping[str, Any]) -> None:
        """Note that a variant has ended."""
        state = State(data["state"])
        self.running.pop(data["variant"], None)
        self.paused.discard(data["variant"])
        self.ended[state] += 1
        is_new = state.is_success and state is not State.CACHED and not data.get("source")
        if is_new and data.get("duration_s") is not None:
            self.durations.add(data["duration_s"], self.variant(data["variant"]).params)
        value = data.get("metric")
        if state.is_success and value is not None and self._is_better(value, self._best):
            variant = self.variant(data["variant"])
            variant.label = data["label"]
            self._best = (value, variant.title)

    def _score(self, variant: VariantTally, value: float) -> None:
        known = (variant.score, "") if variant.score is not None else None
        if not math.isnan(value) and (self.rule is Score.LAST or self._is_better(value, known)):
            variant.score = value

    def _is_better(self, value: float, best: tuple[float, str] | None) -> bool:
        sign = 1 if self.mode is Mode.MAX else -1
        return best is None or sign * value > sign * best[0]


class Tally:
    """How a run stands; a listener of its events."""

    def __init__(self) -> None:
        self.run = ""
        self.stages: dict[str, StageTally] = {}
        self.began = time.time()
        self.started_s = 0.0
        self.state: State | None = None
        self.stop_reason: str | None = None
        self.is_paused = False
        self.warnings = 0
        self.awaits_workers = False
        self.has_started_any = False
        self.most_running = 0

    @property
    def counts(self) -> Counter[State]:
        """Number of variants that ended, by state."""
        return sum((stage.ended for stage in self.stages.values()), Counter())

    @property
    def running(self) -> int:
        """Number of variants that run."""
        return sum(len(stage.running) for stage in self.stages.values())

    @property
    def waits_for_ray(self) -> bool:
        """Whether there is something to execute, and nothing has been started yet."""
        return self.awaits_workers and not self.has_started_any and self.stop_reason is None

    @property
    def looks_up(self) -> bool:
        """Whether it is still looked up what ran before, and nothing is known to be executed."""
        left = any(stage.left for stage in self.stages.values())
        return left and not self.awaits_workers and not self.has_started_any

    def notify(self, event: Event) -> None:
        """Take in an event."""
        data = event.data
        if event.kind is EventKind.RUN_STARTED:
            self.run = data["run"]
            self.started_s = event.time - self.began
            metrics = {name: _rules(*each) for name, each in data["metrics"].items()}
            self.stages = {n: StageTally(n, *metrics.get(n, ())) for n in data["stages"]}
        elif event.kind is EventKind.RUN_STOPPING:
            self.stop_reason = data["reason"]
        elif event.kind is EventKind.WORKERS_AWAITED:
            self.awaits_workers = True
        elif event.kind in (EventKind.RUN_PAUSED, EventKind.RUN_CONTINUED):
            self.is_paused = event.kind is EventKind.RUN_PAUSED
        elif event.kind is EventKind.RUN_ENDED:
            self.state = State(data["state"])
        elif event.kind is EventKind.WARNING:
            self.warnings += 1
        elif "stage" in data:
            self._take(event, self.stages[data["stage"]])

    def _take(self, event: Event, stage: StageTally) -> None:
        if event.kind is EventKind.VARIANT_ADDED:
            stage.add(event.data)
        elif event.kind is EventKind.VARIANT_STARTED:
            stage.start(event.data, event.time)
            self.has_started_any = True
            self.most_running = max(self.most_running, self.running)
        elif event.kind is EventKind.METRICS:
            stage.log(event.data)
        elif event.kind is EventKind.CELL:
            stage.variant(event.data["variant"]).cell = event.data
        elif event.kind in (EventKind.VARIANT_PAUSED, EventKind.VARIANT_EXPLOITED):
            stage.pause(event.data)
            stage.variant(event.data["variant"]).changed.update(event.data.get("params", {}))
        elif event.kind is EventKind.VARIANT_RETRIED:
            stage.running.pop(event.data["variant"], None)
        elif event.kind is EventKind.VARIANT_ENDED:
            stage.end(event.data)
        elif event.kind is EventKind.STAGE_ENDED:
            stage.has_ended = True


def _rules(metric: str, mode: str, score: str = Score.LAST) -> tuple[str, Mode, Score]:
    return metric, Mode(mode), Score(score)
