"""What a run's folder tells of it: states, results and times, folded from its events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbexp.errors import UsageError, did_you_mean
from nbexp.runs.outcome import CellError
from nbexp.runs.events import Event, EventKind
from nbexp.runs.folder import RUNS, RunFolder
from nbexp.states import State


@dataclass
class VariantHistory:
    """What is known of a variant of a run.

    Attributes:
        name: Name of the variant.
        stage: Name of its stage.
        label: The parameters that tell it from its siblings.
        lineage: For each stage that it descends from, the name of the variant.
        state: Its state.
        attempt: Number of the last attempt.
        started: Seconds since 1970 when it started, if it did.
        duration_s: Seconds that it took; for a cached one, when it ran.
        metric: Value of its stage's metric, if it has succeeded and there is one.
        error: Kind, message, cell and traceback, if it failed.
        reason: Why it was skipped, stopped or retried.
        note: A remark of its execution.
        source: The folder that it was taken from, if it is cached.
        is_kept: Whether reduce kept it.
        logged: The last value of each number that it logged, by name.
        step: The highest step that it logged, if it did.
        course: What happened to it on its way: tables with ``time``, ``event`` (``paused``,
            ``exploited``), ``step`` and what else there is to tell.
    """

    name: str
    stage: str
    label: str = ""
    lineage: dict[str, str] = field(default_factory=dict)
    state: State = State.PENDING
    attempt: int = 0
    started: float | None = None
    duration_s: float | None = None
    metric: float | None = None
    error: dict[str, Any] | None = None
    reason: str = ""
    note: str = ""
    source: str | None = None
    is_kept: bool = False
    logged: dict[str, float] = field(default_factory=dict)
    step: int | None = None
    course: list[dict[str, Any]] = field(default_factory=list)

    def log(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take in what it logged."""
        for entry in entries:
            self.logged |= entry.get("values", {})
            self.step = max(self.step or 0, entry["step"])


@dataclass
class RunHistory:
    """What is known of a run.

    Attributes:
        id: Name of the run.
        pipeline: Name of the pipeline.
        stages: Names of the stages, in order.
        metrics: For each stage that has one, its metric and mode.
        scores: For each such stage, which reported value counts.
        variants: The variants, by name, in order.
        is_paused: Whether it was asked to pause.
        state: None while it runs; else `State.FINISHED`, `FAILED` or `STOPPED`.
        started: Seconds since 1970.
        ended: Seconds since 1970, or None.
        warnings: Warnings, in order.
        damage: What is wrong with the file of its events, in a sentence; empty if nothing is.
    """

    id: str = ""
    pipeline: str = ""
    stages: list[str] = field(default_factory=list)
    metrics: dict[str, list[str]] = field(default_factory=dict)
    scores: dict[str, str] = field(default_factory=dict)
    variants: dict[str, VariantHistory] = field(default_factory=dict)
    is_paused: bool = False
    state: State | None = None
    started: float = 0.0
    ended: float | None = None
    warnings: list[str] = field(default_factory=list)
    damage: str = ""

    @property
    def counts(self) -> Counter[State]:
        """Number of variants in each state."""
        return Counter(variant.state for variant in self.variants.values())

    def of_stage(self, stage: str) -> list[VariantHistory]:
        """Return the variants of a stage, in order."""
        return [variant for variant in self.variants.values() if variant.stage == stage]

    def notify(self, event: Event) -> None:
        """Take in an event."""
        data = event.data
        if event.kind is EventKind.RUN_STARTED:
            self.id, self.pipeline, self.started = data["run"], data["pipeline"], event.time
            self.stages = list(data["stages"])
            self.metrics = {stage: each[:2] for stage, each in data["metrics"].items()}
            self.scores = {s: each[2] for s, each in data["metrics"].items() if len(each) > 2}
        elif event.kind is EventKind.RUN_ENDED:
            self.state, self.ended = State(data["state"]), event.time
        elif event.kind in (EventKind.RUN_PAUSED, EventKind.RUN_CONTINUED):
            self.is_paused = event.kind is EventKind.RUN_PAUSED
        elif event.kind is EventKind.WARNING:
            self.warnings.append(data["message"])
        elif event.kind is EventKind.STAGE_ENDED:
            for name in self.variants.keys() & data["kept"]:
                self.variants[name].is_kept = True
        elif "variant" in data:
            self._take(event)

    def _take(self, event: Event) -> None:
        data = event.data
        name = data["variant"]
        variant = self.variants.setdefault(name, VariantHistory(name, data["stage"]))
        if event.kind is EventKind.VARIANT_STARTED:
            variant.state, variant.attempt = State.RUNNING, data["attempt"]
            variant.reason = ""
            variant.started = event.time
        elif event.kind is EventKind.VARIANT_RETRIED:
            variant.state = State.PENDING
        elif event.kind is EventKind.METRICS:
            variant.log(data["entries"])
        elif event.kind in (EventKind.VARIANT_PAUSED, EventKind.VARIANT_EXPLOITED):
            variant.state = State.PAUSED
            more = {key: data[key] for key in data.keys() - {"variant", "stage"}}
            variant.course.append({"time": event.time, "event": _COURSE[event.kind], **more})
        elif event.kind is EventKind.VARIANT_ENDED:
            variant.state = State(data["state"])
        for key in (
            "label",
            "lineage",
            "duration_s",
            "metric",
            "error",
            "reason",
            "note",
            "source",
        ):
            if key in data:
                setattr(variant, key, data[key])
        if variant.error is not None:  # one of an earlier version has not all parts
            variant.error = {**_NO_ERROR, **variant.error}
        variant.label = " ".join(variant.label.split())  # one line, also of an earlier version
        if variant.state.is_final and not variant.state.is_success:
            variant.metric = None  # what it had reported by then is not what it came to


_NO_ERROR = vars(CellError("", ""))
_COURSE = {EventKind.VARIANT_PAUSED: "paused", EventKind.VARIANT_EXPLOITED: "exploited"}


def fold(events: Iterable[Event]) -> RunHistory:
    """Return what events tell of a run."""
    history = RunHistory()
    for event in events:
        history.notify(event)
    return history


def read_history(folder: RunFolder) -> RunHistory:
    """Return what a run's folder tells; what was under way when its driver died has stopped."""
    is_alive = folder.is_alive()  # asked first, or one that ends just now would seem cut off
    history, damage = RunHistory(), list[str]()
    try:
        for event in folder.read_events(damage=damage):
            history.notify(event)
    except OSError as error:
        history.damage = f"its events.jsonl can't be read ({error.strerror})"
    if damage:
        history.damage = f"its events.jsonl is damaged ({_in_short(damage)}); the rest is shown"
    history.id = history.id or folder.id
    stages = dict.fromkeys(variant.stage for variant in history.variants.values())
    history.stages += [stage for stage in stages if stage not in history.stages]
    if not is_alive:
        history.state = history.state or State.STOPPED
        for variant in history.variants.values():
            if not variant.state.is_final:
                variant.state, variant.reason = State.STOPPED, "the run was cut off"
    return history


def _in_short(damage: Sequence[str]) -> str:
    more = f" and {len(damage) - 1} more" if len(damage) > 1 else ""
    return f"{damage[0]}{more}"
