"""Variants that have given up their slots for a while, and what becomes of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nbexp.decisions import Decision, DecisionKind
from nbexp.execute.decision_channel import retell_ending
from nbexp.execute.job import MetricReport
from nbexp.pipeline import Resources
from nbexp.plan import pruned_key
from nbexp.run.announcer import Announcer
from nbexp.run.progress import (
    add_history,
    changed_params,
    exploit_progress,
    newest_snapshot,
    snapshot_after,
)
from nbexp.run.schedulers import Schedulers, altered
from nbexp.run.tasks import Task, TaskQueue
from nbexp.run.writer import RunWriter
from nbexp.runs.outcome import Outcome
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State

_MOST_DELAYS = 25  # until a donor is not waited for that has never taken a snapshot
End = Callable[[Task, Outcome], None]


class PausedVariants:
    """Keeps variants that have paused, until a scheduler or a person has them go on.

    Args:
        schedulers: The schedulers.
        queue: Where a variant goes that goes on.
        folder: The run's folder.
        tell: Who is told.
    """

    def __init__(
        self, schedulers: Schedulers, queue: TaskQueue, folder: RunWriter, tell: Announcer
    ) -> None:
        self._schedulers = schedulers
        self._queue = queue
        self._folder = folder
        self._tell = tell
        self._tasks: dict[str, Task] = {}
        self._reasons: dict[str, tuple[str, int]] = {}
        self._asked: set[str] = set()  # by a person, not by a scheduler

    def __len__(self) -> int:
        return len(self._tasks)

    def report(self, task: Task, report: MetricReport) -> Decision:
        """Return what is decided on a report of a running variant."""
        decision = self._schedulers.report(task.node, report)
        if decision.kind in (DecisionKind.PAUSE, DecisionKind.EXPLOIT):
            self._reasons[task.name] = (decision.reason, report.step)
            task.exploit = decision if decision.kind is DecisionKind.EXPLOIT else None
        return decision

    def park(self, task: Task, outcome: Outcome) -> None:
        """Take in a variant that has paused."""
        task.paused = outcome
        task.ran_s += outcome.duration_s
        task.node.state = State.PAUSED
        self._tasks[task.name] = task
        reason, step = self._reasons.pop(task.name, ("asked to pause", None))
        if step is None:
            self._asked.add(task.name)
        else:
            self._schedulers.paused(task.node)
        add_history(self._folder.variant(task.name), event="paused", step=step, reason=reason)
        self._tell.paused(task, reason, step)

    def let_go(self) -> None:
        """Have everything go on that a person had paused."""
        for name in sorted(self._asked & self._tasks.keys(), reverse=True):
            self._go_on(name, first=True)
        self._asked.clear()

    def carry_out(self, end: End) -> None:
        """Do what schedulers decided on variants other than those that reported.

        Args:
            end: Takes in the end of a variant.
        """
        late = [(name, held) for name in self._tasks if (held := self._schedulers.take_held(name))]
        for name, decision in (*late, *self._schedulers.orders()):
            task = self._tasks.get(name)
            if task is None and (queued := self._queue.find(name)) and queued.paused:
                task = queued
            if task is None:
                self._schedulers.hold(name, decision)
            elif decision.kind in (DecisionKind.STOP, DecisionKind.END):
                self._prune(task, decision.reason, end)
            elif decision.kind is DecisionKind.EXPLOIT:
                task.exploit = decision

    @property
    def shapes(self) -> set[Resources]:
        """The resources that the variants need."""
        return {task.shape for task in self._tasks.values()}

    def refill(self, shape: Resources, count: int) -> None:
        """Have schedulers choose who goes on, up to a number, of those that need some resources."""
        for _ in range(count):
            names = [name for name in self._waiting() if self._tasks[name].shape == shape]
            chosen = self._schedulers.choose(names) if names else None
            if chosen is None:
                return
            self._go_on(chosen)

    def break_deadlock(self) -> bool:
        """Have a variant go on where nothing else would; False if there is none."""
        waiting = self._waiting()
        if waiting:
            self._go_on(self._schedulers.choose(waiting) or waiting[0])
        return bool(waiting)

    def stop(self, name: str) -> Task | None:
        """Take a variant out, since it is not to go on."""
        return self._tasks.pop(name, None)

    def take_all(self) -> Sequence[Task]:
        """Take all variants out, since nothing goes on."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        return tasks

    def is_delayed(self, task: Task) -> bool:
        """Whether a variant must wait for its donor's snapshot, which is being written."""
        decision = task.exploit
        if decision is None or decision.donor is None:
            return False
        donor = self._folder.variant(decision.donor)
        is_there = snapshot_after(donor, decision.donor_step or 0) is not None
        task.delays += 1
        may_come = newest_snapshot(donor) is not None or task.delays < _MOST_DELAYS
        return not is_there and may_come and self._is_running(decision.donor)

    def depart(self, task: Task, *, has_past: bool) -> None:
        """Get a variant ready to run: with its donor's snapshot and changed parameters.

        Args:
            task: The variant.
            has_past: Whether it goes on from what an earlier run has left.
        """
        folder = self._folder.variant(task.name)
        if has_past:
            self._schedulers.recall(task.node, folder)
        if task.exploit is not None:
            self._exploit(task, task.exploit, folder)
        self._reasons.pop(task.name, None)
        task.exploit, task.paused, task.delays = None, None, 0
        resolved = altered(task.identified.resolved, folder)
        task.identified = replace(task.identified, resolved=resolved)
        self._schedulers.started(task.node, task.ran_s)

    def _exploit(self, task: Task, decision: Decision, folder: VariantFolder) -> None:
        donor = self._folder.variant(decision.donor or "")
        snapshot = snapshot_after(donor, decision.donor_step or 0) or newest_snapshot(donor)
        try:
            if snapshot is None:
                raise FileNotFoundError("it has no snapshot (nbexp.loop after nbexp.checkpoint)")
            exploit_progress(folder, donor, snapshot.folder.name, snapshot.step)
        except OSError as error:
            message = f"{task.name} can't go on from {decision.donor}, and goes on by itself"
            self._tell.warn(f"{message}: {error}")
            return
        self._schedulers.exploited(task.node, snapshot.step)
        params = self._changes(task, dict(decision.values))
        step, name = snapshot.step, decision.donor or ""
        add_history(folder, event="exploited", donor=name, step=step, params=params)
        self._tell.exploited(task, step, name, params)

    def _changes(self, task: Task, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values that differ from what the variant has now."""
        choices = dict(task.node.variant.option.choices)
        now = choices | dict(changed_params(self._folder.variant(task.name)))
        return {key: value for key, value in values.items() if now.get(key, value) != value}

    def _prune(self, task: Task, reason: str, end: End) -> None:
        self._tasks.pop(task.name, None)
        self._queue.remove(task.name)
        if task.paused is None:
            return
        stage = self._tell.stage_of(task)
        key = pruned_key(task.key, stage)
        with contextlib.suppress(OSError, ValueError):  # the notebook may have been taken away
            retell_ending(self._folder.variant(task.name).notebook, reason)
        outcome = replace(task.paused, state=State.PRUNED, key=key, note=reason)
        self._folder.seal(task.name, outcome)
        end(task, outcome)

    def _go_on(self, name: str, *, first: bool = False) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.node.state = State.PENDING
            (self._queue.push_front if first else self._queue.push)(task)

    def _waiting(self) -> list[str]:
        return [name for name in self._tasks if name not in self._asked]

    def _is_running(self, name: str) -> bool:
        return self._tell.state_of(name) is State.RUNNING
