"""Turns what the graph of a run has learnt into events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbexp.errors import NbexpError
from nbexp.metrics import Entry
from nbexp.pipeline import Stage
from nbexp.plan import Graph, Node, metric_value, score_of
from nbexp.run.overlaps import Overlaps
from nbexp.run.tasks import Task
from nbexp.runs.events import EventKind, Events
from nbexp.runs.folder import RunFolder
from nbexp.runs.outcome import Outcome
from nbexp.states import State

_SENTENCES = 3
_REMEDY = "List what it depends on under inputs, or run it with --fresh."


class Announcer:
    """Tells what happens in a run.

    Args:
        graph: The graph of the run.
        folder: Its folder.
        events: Who is told.
    """

    def __init__(self, graph: Graph, folder: RunFolder, events: Events) -> None:
        self._graph = graph
        self._folder = folder
        self.emit = events.emit
        self._overlaps = Overlaps(graph)
        self._has_awaited = False
        self._is_untracked = False  # whether it was told that not all is tracked
        self._unseen: set[str] = set()  # stages of which it was told what can't be seen

    def warn(self, message: str) -> None:
        """Tell a warning."""
        self.emit(EventKind.WARNING, message=message)

    def untracked(self, failures: Sequence[str], *, at_end: bool = False) -> None:
        """Tell what could not be tracked, in one line, and what becomes of it.

        While the run goes on it is told once, and once more at its end.
        """
        if not failures or (self._is_untracked and not at_end):
            return
        self._is_untracked = True
        more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
        then = "the next run that reaches it enters the rest" if at_end else "the run goes on"
        self.warn(f"not all of this run is tracked: {failures[0]}{more}; {then}")

    def stage_of(self, task: Task) -> Stage:
        """Return the stage of a variant."""
        return self._graph.stages[task.stage]

    def state_of(self, name: str) -> State:
        """Return the state of a variant."""
        return self._graph.nodes[name].state

    def run_started(self) -> None:
        """Tell that the run begins."""
        stages = self._graph.stages
        self.emit(
            EventKind.RUN_STARTED,
            run=self._folder.id,
            pipeline=self._graph.pipeline.name,
            stages=list(stages),
            metrics={
                name: [stage.metric, stage.mode.value, stage.score.value]
                for name, stage in stages.items()
                if stage.metric
            },
        )

    def workers_awaited(self) -> None:
        """Tell once that there is something to execute, and that workers are waited for."""
        if not self._has_awaited:
            self._has_awaited = True
            self.emit(EventKind.WORKERS_AWAITED)

    def run_ended(self, state: State) -> None:
        """Tell that the run has ended."""
        self._tell_overlaps(is_over=True)
        self.emit(EventKind.RUN_ENDED, state=state.value)

    def news(self) -> None:
        """Tell which variants have come into being or were skipped, and which stages ended."""
        for node in self._graph.take_added():
            variant = node.variant
            data = {"variant": variant.name, "stage": variant.stage, "label": variant.label}
            self.emit(EventKind.VARIANT_ADDED, **data, lineage=dict(variant.lineage))
        for node in self._graph.take_skipped():
            self.ended(node, State.SKIPPED, reason=node.reason)
        for name in self._graph.take_ended():
            self._stage_ended(name)

    def started(self, task: Task) -> None:
        """Tell that an attempt begins."""
        data = {"variant": task.name, "stage": task.stage, "attempt": task.attempt}
        params = dict(task.identified.resolved.params)
        self.emit(EventKind.VARIANT_STARTED, **data, params=params)

    def retried(self, task: Task, outcome: Outcome, folder: Any) -> None:
        """Tell that an attempt failed and another follows."""
        data = {"variant": task.name, "stage": task.stage, "attempt": task.attempt}
        reason = f"{outcome.error.name}: {outcome.error.message}" if outcome.error else ""
        self._overlaps.add(task.node.variant, outcome)
        self.emit(EventKind.VARIANT_RETRIED, **data, reason=reason, folder=str(folder))

    def logged(self, task: Task, entries: Sequence[Entry]) -> None:
        """Tell what a variant has logged."""
        data = {"variant": task.name, "stage": task.stage}
        self.emit(EventKind.METRICS, **data, entries=[entry.to_record() for entry in entries])

    def cell(self, task: Task, cell: Mapping[str, Any]) -> None:
        """Tell which cell of a variant runs."""
        self.emit(EventKind.CELL, variant=task.name, stage=task.stage, **cell)

    def paused(self, task: Task, reason: str, step: int | None) -> None:
        """Tell that a variant has paused."""
        data = {"variant": task.name, "stage": task.stage}
        if task.paused is not None:
            self._overlaps.add(task.node.variant, task.paused)
        self.emit(EventKind.VARIANT_PAUSED, **data, reason=reason, step=step)

    def exploited(self, task: Task, step: int, donor: str, params: Mapping[str, Any]) -> None:
        """Tell that a variant goes on from another one's snapshot, with changed parameters."""
        data = {"variant": task.name, "stage": task.stage, "step": step}
        self.emit(EventKind.VARIANT_EXPLOITED, **data, donor=donor, params=dict(params))

    def ended(
        self, node: Node, state: State, *, outcome: Outcome | None = None, **more: Any
    ) -> None:
        """Tell that a variant has ended."""
        variant = node.variant
        if outcome is not None:
            if "source" not in more:  # else an earlier run executed it
                self._overlaps.add(variant, outcome)
                self._tell_unseen(variant.stage, outcome)
            stage = self._graph.stages[variant.stage]
            more |= _described(outcome)
            more |= {"folder": str(self._folder.variant(variant.name))}
            if stage.metric:
                value = metric_value(outcome, stage.metric, stage.mode, stage.score)
                more |= {"metric": value}
        data = {"variant": variant.name, "stage": variant.stage, "label": variant.label}
        self.emit(EventKind.VARIANT_ENDED, **data, state=state.value, **more)

    def _stage_ended(self, name: str) -> None:
        stage, kept = self._graph.stages[name], self._graph.kept(name)
        if not self._graph.nodes_of(name):
            empty = [u for u in stage.upstream if not self._graph.kept(u)]
            why = (
                f"no variant of {' or '.join(empty)} finished" if empty else "nothing was suggested"
            )
            message = f"{name} has no variants: {why}"
            self.emit(EventKind.WARNING, message=message)
        missed = _missed(stage)
        if missed and kept and all(score_of(stage, node) is None for node in kept):
            message = f"no variant of {name} has a number for the metric {stage.metric!r}"
            self.emit(EventKind.WARNING, message=f"{message}; {missed}")
        names = [node.variant.name for node in kept] if stage.keep is not None else []
        self.emit(EventKind.STAGE_ENDED, stage=name, kept=names)
        self._tell_overlaps()

    def _tell_unseen(self, stage: str, outcome: Outcome) -> None:
        """Tell once of a stage what its notebook uses that can't be seen to change."""
        unseen = outcome.observed.get("unseen", ())
        if not unseen or stage in self._unseen or not outcome.state.is_success:
            return
        self._unseen.add(stage)
        more = [f"and {len(unseen) - _SENTENCES} more"] if len(unseen) > _SENTENCES else []
        text = "; ".join([*unseen[:_SENTENCES], *more])
        self.warn(f"{stage}: not all that its notebook depends on can be seen: {text}. {_REMEDY}")

    def _tell_overlaps(self, *, is_over: bool = False) -> None:
        for message in self._overlaps.take(is_over=is_over):
            self.warn(message)


def _missed(stage: Stage) -> str:
    """Return what comes of it if no variant of a stage has a number for its metric."""
    if stage.keep is not None:
        return "reduce kept the first"
    if stage.scheduler is not None:
        return f"{stage.scheduler.type} had nothing to decide by"
    if stage.search.algorithm != "random":
        return f"{stage.search.algorithm} had nothing to learn from"
    return ""


def _described(outcome: Outcome) -> dict[str, Any]:
    return {
        "duration_s": outcome.duration_s,
        "error": vars(outcome.error) if outcome.error else None,
        "note": outcome.note,
    }


def error_text(error: Exception) -> str:
    """Return an error in a sentence; with its type where it is none of our own."""
    return str(error) if isinstance(error, NbexpError) else f"{type(error).__name__}: {error}"
