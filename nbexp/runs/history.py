"""What a run's folder tells of it: states, results and times, folded from its events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nbexp.runs.events import Event, EventKind
from nbexp.runs.folder import EventReader, RunFolder
from nbexp.runs.outcome import CellError
from nbexp.states import State


@dataclass(frozen=True)
class VariantHistory:
    """What is known of a variant of a run; news of it make another one.

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
        cell: The cell that runs, once it has run for a moment: ``number`` in the template (None
            for the one with the parameters), ``count`` of cells, its first ``line``, and when it
            ``began``, in seconds since 1970.
        course: What happened to it on its way: tables with ``time``, ``event`` (``paused``,
            ``exploited``), ``step`` and what else there is to tell.
    """

    name: str
    stage: str
    label: str = ""
    lineage: Mapping[str, str] = field(default_factory=dict)
    state: State = State.PENDING
    attempt: int = 0
    started: float | None = None
    duration_s: float | None = None
    metric: float | None = None
    error: Mapping[str, Any] | None = None
    reason: str = ""
    note: str = ""
    source: str | None = None
    is_kept: bool = False
    logged: Mapping[str, float] = field(default_factory=dict)
    step: int | None = None
    cell: Mapping[str, Any] | None = None
    course: Sequence[Mapping[str, Any]] = ()

    def after(self, event: Event) -> VariantHistory:
        """Return what is known of it after an event."""
        return replace(self, **_settled(self, {**_news(self, event), **_told(event)}))


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
                self.variants[name] = replace(self.variants[name], is_kept=True)
        elif "variant" in data:
            name = data["variant"]
            known = self.variants.get(name) or VariantHistory(name, data["stage"])
            self.variants[name] = known.after(event)

    def copy(self) -> RunHistory:
        """Return what is known now, which no later event changes."""
        return replace(
            self,
            stages=[*self.stages],
            variants={**self.variants},
            warnings=[*self.warnings],
        )


_TOLD = ("label", "lineage", "duration_s", "metric", "error", "reason", "note", "source")


def _news(variant: VariantHistory, event: Event) -> dict[str, Any]:
    """Return what an event changes of a variant by its kind."""
    data = event.data
    match event.kind:
        case EventKind.VARIANT_STARTED:
            news = {"state": State.RUNNING, "attempt": data["attempt"], "reason": ""}
            return {**news, "started": event.time, "cell": None}
        case EventKind.CELL:
            return {"cell": {key: data[key] for key in ("number", "count", "line", "began")}}
        case EventKind.VARIANT_RETRIED:
            return {"state": State.PENDING, "cell": None}
        case EventKind.METRICS:
            logged, step = {**variant.logged}, variant.step
            for entry in data["entries"]:
                logged |= entry.get("values", {})
                step = max(step or 0, entry["step"])
            return {"logged": logged, "step": step}
        case EventKind.VARIANT_PAUSED | EventKind.VARIANT_EXPLOITED:
            more = {key: data[key] for key in data.keys() - {"variant", "stage"}}
            happened = {"time": event.time, "event": _COURSE[event.kind], **more}
            course = (*variant.course, happened)
            return {"state": State.PAUSED, "cell": None, "course": course}
        case EventKind.VARIANT_ENDED:
            return {"state": State(data["state"]), "cell": None}
    return {}


def _told(event: Event) -> dict[str, Any]:
    """Return what an event tells of a variant, whatever its kind."""
    told = {key: event.data[key] for key in _TOLD if key in event.data}
    if "label" in told:
        told["label"] = " ".join(told["label"].split())  # one line, also of an earlier version
    if told.get("error") is not None:  # one of an earlier version has not all parts
        told["error"] = {**_NO_ERROR, **told["error"]}
    return told


def _settled(variant: VariantHistory, news: dict[str, Any]) -> dict[str, Any]:
    """Return news of a variant; what it had reported by a bad end is not what it came to."""
    state = news.get("state", variant.state)
    return {**news, "metric": None} if state.is_final and not state.is_success else news


_NO_ERROR = vars(CellError("", ""))
_COURSE = {EventKind.VARIANT_PAUSED: "paused", EventKind.VARIANT_EXPLOITED: "exploited"}


def fold(events: Iterable[Event]) -> RunHistory:
    """Return what events tell of a run."""
    history = RunHistory()
    for event in events:
        history.notify(event)
    return history


class HistoryReader:
    """What a run's folder tells while the run goes on; each look reads what is new.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._begin()

    def _begin(self) -> None:
        self._damage: list[str] = []
        self._events = EventReader(self._folder.events, self._damage)
        self._history = RunHistory()

    def read(self) -> RunHistory:
        """Return what is known now; what was under way when the driver died has stopped."""
        is_alive = self._folder.is_alive()  # asked first, or one that ends now would seem cut off
        unreadable = ""
        if self._events.is_anew():
            self._begin()
        try:
            for event in self._events.take():
                self._history.notify(event)
        except OSError as error:
            unreadable = f"its events.jsonl can't be read ({error.strerror})"
        found = self._history.copy()
        found.damage = unreadable
        if self._damage:
            of = _in_short(self._damage)
            found.damage = f"its events.jsonl is damaged ({of}); the rest is shown"
        found.id = found.id or self._folder.id
        stages = dict.fromkeys(variant.stage for variant in found.variants.values())
        found.stages += [stage for stage in stages if stage not in found.stages]
        if not is_alive:
            found.state = found.state or State.STOPPED
            for name, variant in found.variants.items():
                if not variant.state.is_final:
                    found.variants[name] = replace(
                        variant, state=State.STOPPED, cell=None, reason="the run was cut off"
                    )
        return found


def read_history(folder: RunFolder) -> RunHistory:
    """Return what a run's folder tells now."""
    return HistoryReader(folder).read()


def _in_short(damage: Sequence[str]) -> str:
    more = f" and {len(damage) - 1} more" if len(damage) > 1 else ""
    return f"{damage[0]}{more}"
