"""The loop of a run: starts what is ready, takes in what ends, until nothing is left."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from nbexp.decisions import Decision
from nbexp.errors import LinkError, RunError
from nbexp.execute.job import MetricReport
from nbexp.pipeline import Pipeline
from nbexp.plan import Graph, Identified, Node, Result, identify, refresh
from nbexp.run.announcer import Announcer
from nbexp.run.endings import Endings
from nbexp.run.locks import KeyLocks
from nbexp.run.paused import PausedVariants
from nbexp.run.progress import running_cell
from nbexp.run.requests import Requests
from nbexp.run.reuse import Reuse
from nbexp.run.schedulers import Schedulers
from nbexp.run.searches import Searches
from nbexp.run.starting import Parts, Starter
from nbexp.run.tasks import Task, TaskQueue
from nbexp.run.workers import Done, Slot
from nbexp.runs.events import EventKind
from nbexp.runs.outcome import CellError, Outcome, read_end
from nbexp.states import State

_TICK_S = 0.2
_DELAY_S = 0.2
_RELOOK_S = 1.0
_FREE_RETRIES = 2


class Runner:
    """One run of a pipeline.

    Args:
        pipeline: The pipeline.
        parts: What the run works with.
        only: Stages to take part; None for all.
        fresh: Whether to execute everything, whatever ran before.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        parts: Parts,
        *,
        only: Iterable[str] | None = None,
        fresh: bool = False,
    ) -> None:
        self.pipeline = pipeline
        self.graph = Graph(pipeline, only)
        self._folder, self._tracker, self._pool = parts.folder, parts.tracker, parts.pool
        self._tell = Announcer(self.graph, parts.folder, parts.events)
        self._catch_up, self._index = parts.catch_up, parts.index
        self._fresh, self._remarks = fresh, parts.remarks
        self._queue = TaskQueue()
        self._endings = Endings(parts.tracker)
        self._running: dict[str, Task] = {}
        self._locks: KeyLocks  # opened when the run begins: whoever closes them frees all
        run, tracker, warn = parts.folder, parts.tracker, self._tell.warn
        self._reuse = Reuse(parts.past(self.graph), run, tracker, self._tell, fresh=fresh)
        self._searches = Searches(
            self.graph, run.path, tracker, warn=warn, fresh=fresh, identity=parts.identity
        )
        self._schedulers = Schedulers(self.graph, self._searches, warn)
        self._paused = PausedVariants(self._schedulers, self._queue, run, self._tell)
        self._starter = Starter(
            pipeline, parts, searches=self._searches, paused=self._paused, fresh=fresh
        )
        self._requests = Requests(run, self.graph, self._tell)
        self._stop_reason: str | None = None
        self._stopping: set[str] = set()
        self._is_paused = False
        self._followed = 0.0

    def request_stop(self, reason: str) -> None:
        """Ask the run to stop gracefully; may be called from a signal handler."""
        self._stop_reason = self._stop_reason or reason

    def run(self) -> State:
        """Run to the end; return `State.FINISHED`, `FAILED` or `STOPPED`.

        Raises:
            RunError: The workers can't be used.
        """
        self._locks = KeyLocks(self._folder.path.parent)
        self._tell.run_started()
        for remark in self._remarks:
            self._tell.warn(remark)
        state = State.FAILED
        try:
            state = self._loop()
        except BaseException as error:
            self._break_off(f"the run broke off: {type(error).__name__}: {error}")
            raise
        finally:
            self._pool.kill()
            self._endings.hand_over()
            self._tracker.close_run(state)
            self._tell.untracked(self._tracker.failures, at_end=True)
            self._tell.run_ended(state)
            self._locks.close()
        return state

    def _break_off(self, reason: str) -> None:
        """Tell how everything stands that has not ended, so that nothing seems to go on."""
        self._pool.kill()
        self._running.update({task.name: task for task in self._paused.take_all()})
        for task in (*self._running.values(), *self._queue.take_all()):
            if task.name in self._running or task.paused is not None:
                self._track_stopped(task)
        for node in self.graph.nodes.values():
            if not node.state.is_final:
                node.state = State.STOPPED
                self._tell.ended(node, State.STOPPED, reason=reason)

    def _loop(self) -> State:
        self._advance()
        while self._running or not self.graph.has_ended:
            self._obey()
            if self._stop_reason is not None:
                return self._stop(self._stop_reason)
            if not self._is_paused:
                self._dispatch()
            self._take_all()
            self._paused.carry_out(self._finish)
            self._advance()
            self._catch_up()
            if not (self._running or self._queue or self.graph.has_ended or self._is_paused):
                self._go_on_somehow()
        states = {node.state for node in self.graph.nodes.values()}
        if self._stop_reason is not None and State.STOPPED in states:  # it ended the last one
            return self._stop(self._stop_reason)
        if self._searches.has_failed or any(state.is_failure for state in states):
            return State.FAILED
        return State.STOPPED if State.STOPPED in states else State.FINISHED

    def _go_on_somehow(self) -> None:
        if not self._paused.break_deadlock():
            raise RunError("the run has come to a halt with variants left; please report it")

    def _advance(self) -> None:
        """Take in what is ready: what ran before ends as cached, the rest is queued."""
        while ready := self._ready():
            identified = [each for each in map(self._identify, ready) if each is not None]
            found = self._reuse.find(identified)
            for each in identified:
                self._schedulers.add(each.node)
            for each in identified:
                if self._reuse.use(each, found):
                    self._settle(each.node)
                else:
                    shape = self.graph.stages[each.node.variant.stage].resources
                    self._queue.push(Task(each, shape, changed=self._reuse.changed(each)))

    def _ready(self) -> list[Node]:
        self._tell.news()
        self._searches.advance()
        self._tell.news()
        return self.graph.take_ready()

    def _settle(self, node: Node) -> None:
        """Let schedulers know of a variant that need not run."""
        self._schedulers.recall(node, self._folder.variant(node.variant.name))
        self._schedulers.ended(node)

    def _identify(self, node: Node) -> Identified | None:
        try:
            return identify(self.graph, node)
        except (LinkError, OSError) as error:  # OSError: an input file is gone
            self._end_unready(node, error)
            return None

    def _end_unready(self, node: Node, error: Exception) -> None:
        """End a variant that lacks something: skipped, where one upstream was stopped early."""
        name, parents = node.variant.name, node.variant.upstream.values()
        if any(self.graph.nodes[parent].state is State.PRUNED for parent in parents):
            self._tell.ended(node, State.SKIPPED, reason=str(error))
            self.graph.end(name, State.SKIPPED)
            return
        self._folder.variant(name).path.mkdir(exist_ok=True)
        outcome = _failure(name, "", CellError(type(error).__name__, str(error)))
        self._folder.write_result(outcome)
        self._end(node, outcome)

    def _dispatch(self) -> None:
        """Give what is queued to workers, oldest first."""
        waiting = self._queue.counts()
        if len(self._paused):
            for shape in self._paused.shapes - waiting.keys():
                self._paused.refill(shape, self._pool.room(shape))
            waiting = self._queue.counts()
        if not waiting:
            return
        if self._pool.are_processes:
            self._tell.workers_awaited()
        self._pool.start()
        self._pool.scale(waiting)
        for slot in self._pool.idle():
            task = self._queue.pop(slot.shape)
            while task is not None and not self._claim(task):
                task = self._queue.pop(slot.shape)
            if task is not None:
                self._start(task, slot)

    def _claim(self, task: Task) -> bool:
        """Lock a task's identity; where another run works on it, wait, and take what it leaves."""
        if self._paused.is_delayed(task):
            self._queue.block(task, _DELAY_S)
            return False
        if task.paused is not None:
            return True
        identified = refresh(task.identified)
        if task.is_claimed:  # it is tried again; its modules may have been mended meanwhile
            if identified.key == task.key:
                return True
            self._locks.release(task.key)
            task.is_claimed = False
        is_known = identified.key == task.key and not self._reuse.is_blind
        task.identified = identified
        may_be_there = not is_known or self._locks.may_have_ended(task.key)  # since it was ready
        if not self._locks.acquire(task.key) and not self._is_stuck():
            self._queue.block(task, _RELOOK_S)
            return False
        if may_be_there and self._reuse.use(task.identified, self._reuse.find([task.identified])):
            self._locks.release(task.key)
            self._settle(task.node)
            return False
        task.is_claimed = True
        return True

    def _is_stuck(self) -> bool:
        """Whether another run may wait for this one, with variants that a scheduler compares."""
        return not self._running and len(self._paused) > 0

    def _start(self, task: Task, slot: Slot) -> None:
        job = self._starter.prepare(task)
        task.node.state = State.RUNNING
        self._running[task.name] = task
        self._tell.started(task)
        self._pool.run(slot, job)

    def _take_all(self) -> None:
        """Take in what workers have to tell within a moment, and what notebooks have logged."""
        self._endings.hand_over()
        for each in self._pool.wait(_TICK_S):
            if isinstance(each, MetricReport):
                self._pool.answer(each.variant, replace(self._decide(each), report=each.number))
            else:
                self._take(each)
        if time.monotonic() - self._followed >= _TICK_S:
            self._tell.untracked(self._tracker.failures)
            for task in self._running.values():
                self._follow(task)
            self._followed = time.monotonic()

    def _decide(self, report: MetricReport) -> Decision:
        task = self._running.get(report.variant)
        if task is None or self._stop_reason is not None:
            return Decision()
        return self._paused.report(task, report)

    def _follow(self, task: Task) -> None:
        """Tell what a variant has logged since the last time."""
        entries = task.tail.take() if task.tail is not None else []
        if entries and task.record is not None:
            self._tracker.log(task.record, self._folder.variant(task.name).path, entries)
            self._tell.logged(task, entries)
        if (cell := running_cell(self._folder.variant(task.name))) not in (None, task.cell):
            task.cell = cell
            self._tell.cell(task, cell)

    def _take(self, done: Done) -> None:
        """Take in an execution that came to an end."""
        task = self._running.pop(done.task)
        self._follow(task)
        keys = (task.key, task.record.pruned_key if task.record else "")
        outcome = done.outcome or read_end(self._folder.variant(task.name), *keys)
        if outcome is None:
            message = f"the worker that executed the notebook was lost: {done.reason}"
            outcome = _failure(task.name, task.key, CellError("WorkerLost", message))
            self._folder.leave_lost(outcome)
            task.losses += 1
            may_retry = task.losses <= _FREE_RETRIES
        else:
            task.failures += outcome.state.is_failure
            retries = self.graph.stages[task.stage].retries
            may_retry = outcome.state.is_failure and task.failures <= retries
        is_stopping = self._stop_reason is not None or task.name in self._stopping
        if outcome.state is State.PAUSED and not is_stopping:
            self._paused.park(task, outcome)
            if not self._is_paused:
                self._paused.let_go()  # the run was asked to go on before this one had paused
        elif may_retry and not is_stopping:
            self._retry(task, outcome)
        else:
            self._finish(task, outcome)

    def _retry(self, task: Task, outcome: Outcome) -> None:
        kept = self._folder.keep_attempt(task.name, task.attempt)
        self._endings.add(task, outcome, kept.path)
        self._tell.retried(task, outcome, kept)
        task.attempt += 1
        task.node.state = State.PENDING
        self._queue.push_front(task)

    def _finish(self, task: Task, outcome: Outcome) -> None:
        if outcome.state is State.PAUSED or task.ran_s:
            outcome = self._whole(task, outcome)
        folder = self._folder.variant(task.name).path
        release = partial(self._locks.release, task.key)
        self._index.add(folder, outcome, task.stage)  # before others can have the lock
        self._endings.add(task, outcome, folder, release)
        self._end(task.node, outcome, task.identified)

    def _whole(self, task: Task, outcome: Outcome) -> Outcome:
        """Return how a variant that had paused ended, with the time of all its executions."""
        last_s = outcome.duration_s if task.paused is None else 0.0  # else it is counted already
        state = State.STOPPED if outcome.state is State.PAUSED else outcome.state
        outcome = replace(outcome, state=state, started=outcome.ended - task.ran_s - last_s)
        self._folder.write_result(outcome)
        return outcome

    def _end(self, node: Node, outcome: Outcome, identified: Identified | None = None) -> None:
        result = None
        if identified is not None and outcome.state.is_success:
            folder = self._folder.variant(node.variant.name).path
            result = Result(node.variant, identified.resolved, outcome, folder)
        self._tell.ended(node, outcome.state, outcome=outcome)
        self.graph.end(node.variant.name, outcome.state, result)
        self._schedulers.ended(node)

    def _track_stopped(self, task: Task) -> None:
        now = time.time()
        outcome = Outcome(task.name, task.key, State.STOPPED, now, now)
        self._endings.add(task, outcome, self._folder.variant(task.name).path)

    def _obey(self) -> None:
        for request in self._requests.take():
            if request.request == "stop" and request.variant is None:
                self.request_stop("asked to stop")
            elif request.request == "stop":
                self._stop_variant(str(request.variant))
            elif request.request in ("pause", "continue"):
                self._pause(request.request == "pause")
            self._requests.reply(request)
        self._pass_on(self._stopping)

    def _stop_variant(self, name: str) -> None:
        if name in self._running:
            self._stopping.add(name)
        elif (task := self._paused.stop(name)) and task.paused:
            self._finish(task, task.paused)
        else:
            self._stop_waiting(name)

    def _pause(self, is_paused: bool) -> None:
        """Have what runs pause where it can, or go on."""
        if is_paused == self._is_paused:
            return
        self._is_paused = is_paused
        for task in self._running.values():
            file = self._folder.variant(task.name).pause
            file.touch() if is_paused else file.unlink(missing_ok=True)
        if not is_paused:
            self._paused.let_go()
        self._tell.emit(EventKind.RUN_PAUSED if is_paused else EventKind.RUN_CONTINUED)

    def _pass_on(self, names: Iterable[str]) -> None:
        """Have variants stop; asked again and again, since one that only begins does not hear."""
        for name in self._running.keys() & set(names):
            self._pool.stop(name)

    def _stop_waiting(self, name: str) -> None:
        node = self.graph.nodes.get(name)
        if node is not None and node.state is State.PENDING:
            task = self._queue.remove(name)
            if task is not None and task.paused is not None:
                self._finish(task, task.paused)
                return
            if task is not None and task.is_claimed:
                self._locks.release(task.key)
            self._tell.ended(node, State.STOPPED, reason="asked to stop")
            self.graph.end(name, State.STOPPED)
            self._schedulers.ended(node)

    def _stop(self, reason: str) -> State:
        """End what runs, keep what it left, and mark the rest as stopped."""
        self._tell.emit(EventKind.RUN_STOPPING, reason=reason)
        waiting = self._queue.take_all()
        while self._running:
            self._pass_on(self._running)
            self._take_all()
        begun = [task for task in waiting if task.paused is not None]
        for task in (*begun, *self._paused.take_all()):
            self._track_stopped(task)
        self._tell.news()
        for node in self.graph.abandon():
            self._tell.ended(node, State.STOPPED, reason=reason)
        return State.STOPPED


def _failure(name: str, key: str, error: CellError) -> Outcome:
    now = time.time()
    return Outcome(name, key, State.FAILED, now, now, error=error)
