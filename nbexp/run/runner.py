"""The loop of a run: starts what is ready, takes in what ends, until nothing is left."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nbexp.errors import LinkError, RunError
from nbexp.execute.job import CellError, Job, Outcome
from nbexp.files import write_json
from nbexp.pipeline import Pipeline
from nbexp.plan import Graph, Identified, Node, Result, identify, refresh
from nbexp.run.announcer import Announcer
from nbexp.run.control import ControlFile
from nbexp.run.events import EventKind, Events
from nbexp.run.folder import RunFolder, read_outcome
from nbexp.run.locks import KeyLocks
from nbexp.run.pool import Done, Pool, Slot
from nbexp.run.tasks import Task, TaskQueue
from nbexp.run.tracker import Tracker, VariantRecord
from nbexp.states import State

_TICK_S = 0.2
_RELOOK_S = 1.0
_FREE_RETRIES = 2


@dataclass(frozen=True)
class Parts:
    """What a run works with.

    Attributes:
        folder: Its folder, locked.
        tracker: What remembers it.
        pool: The workers.
        events: Who is told what happens.
        catch_up: Called several times a second.
    """

    folder: RunFolder
    tracker: Tracker
    pool: Pool
    events: Events
    catch_up: Callable[[], None] = lambda: None


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
        self._catch_up = parts.catch_up
        self._fresh = fresh
        self._queue = TaskQueue()
        self._running: dict[str, Task] = {}
        self._locks: KeyLocks  # opened when the run begins: whoever closes them frees all
        self._control = ControlFile(parts.folder)
        self._stop_reason: str | None = None
        self._stopping: set[str] = set()
        self._is_blind = False

    def request_stop(self, reason: str) -> None:
        """Ask the run to stop gracefully; may be called from a signal handler."""
        self._stop_reason = self._stop_reason or reason

    def run(self) -> State:
        """Run to the end; return `State.FINISHED`, `FAILED` or `STOPPED`.

        Raises:
            RunError: Ray can't be used.
        """
        self._locks = KeyLocks(self._folder.path.parent)
        self._tell.run_started()
        state = State.FAILED
        try:
            state = self._loop()
        except BaseException as error:
            self._break_off(f"the run broke off: {type(error).__name__}: {error}")
            raise
        finally:
            self._pool.kill()
            self._tracker.close_run(state)
            for failure in self._tracker.failures:
                self._tell.emit(EventKind.WARNING, message=f"not tracked: {failure}")
            self._tell.emit(EventKind.RUN_ENDED, state=state.value)
            self._locks.close()
        return state

    def _break_off(self, reason: str) -> None:
        """Tell how everything stands that has not ended, so that nothing seems to go on."""
        self._pool.kill()
        now = time.time()
        for task in self._running.values():
            outcome = Outcome(task.name, task.key, State.STOPPED, now, now)
            folder = self._folder.variant(task.name)
            if task.record is not None:
                self._tracker.finish(task.record, outcome, folder, lambda: None)
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
            self._dispatch()
            for done in self._pool.wait(_TICK_S):
                self._take(done)
            self._advance()
            self._catch_up()
            if not (self._running or self._queue or self.graph.has_ended):
                raise RunError("the run has come to a halt with variants left; please report it")
        states = {node.state for node in self.graph.nodes.values()}
        if any(state.is_failure for state in states):
            return State.FAILED
        return State.STOPPED if State.STOPPED in states else State.FINISHED

    def _advance(self) -> None:
        """Take in what is ready: what ran before ends as cached, the rest is queued."""
        self._tell.news()
        ready = self.graph.take_ready()
        while ready:
            identified = [each for each in map(self._identify, ready) if each is not None]
            found = self._find(identified)
            for each in identified:
                if not self._use_cached(each, found.get(each.key)):
                    stage = self.graph.stages[each.node.variant.stage]
                    self._queue.push(Task(each, stage.resources))
            self._tell.news()
            ready = self.graph.take_ready()

    def _identify(self, node: Node) -> Identified | None:
        try:
            return identify(self.graph, node)
        except (LinkError, OSError) as error:  # OSError: an input file is gone
            folder = self._folder.variant(node.variant.name)
            folder.mkdir(exist_ok=True)
            outcome = _failure(node.variant.name, "", CellError(type(error).__name__, str(error)))
            write_json(folder / "result.json", outcome.to_record())
            self._end(node, outcome)
            return None

    def _find(self, identified: list[Identified]) -> Mapping[str, Path]:
        keys = [] if self._fresh else [each.key for each in identified]
        try:
            return self._tracker.find(keys) if keys else {}
        except Exception as error:  # what tracks a run can't break it
            if not self._is_blind:
                message = f"what ran before can't be looked up, so it may run again: {error}"
                self._tell.emit(EventKind.WARNING, message=message)
            self._is_blind = True
            return {}

    def _use_cached(self, identified: Identified, source: Path | None) -> bool:
        node = identified.node
        folder = source and self._folder.adopt(node.variant.name, source, identified.key)
        outcome = read_outcome(folder, identified.key) if folder else None
        if outcome is None or folder is None:
            return False
        original = source and VariantRecord.read(source)
        tracking_id = original.tracking_id if original else None
        record = replace(_record(identified), source=str(source), tracking_id=tracking_id)
        write_json(folder / "variant.json", vars(record))
        result = Result(node.variant, identified.resolved, outcome, folder)
        self._tell.ended(node, State.CACHED, outcome=outcome, source=str(source))
        self.graph.end(node.variant.name, State.CACHED, result)
        return True

    def _dispatch(self) -> None:
        """Give what is queued to workers, oldest first."""
        waiting = self._queue.counts()
        if not waiting:
            return
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
        identified = refresh(task.identified)
        if task.is_claimed:  # it is tried again; its modules may have been mended meanwhile
            if identified.key == task.key:
                return True
            self._locks.release(task.key)
            task.is_claimed = False
        task.identified = identified
        if not self._locks.acquire(task.key):
            self._queue.block(task, _RELOOK_S)
            return False
        if self._use_cached(task.identified, self._find([task.identified]).get(task.key)):
            self._locks.release(task.key)
            return False
        task.is_claimed = True
        return True

    def _start(self, task: Task, slot: Slot) -> None:
        folder = self._folder.variant(task.name)
        folder.mkdir(exist_ok=True)
        record = replace(_record(task.identified), attempt=task.attempt)
        tracking_id, variables = self._tracker.begin(record, folder)
        task.record = replace(record, tracking_id=tracking_id)
        write_json(folder / "variant.json", vars(task.record))
        task.node.state = State.RUNNING
        self._running[task.name] = task
        self._tell.started(task)
        self._pool.run(slot, self._job(task, folder, variables))

    def _job(self, task: Task, folder: Path, variables: Mapping[str, str]) -> Job:
        option = task.node.variant.option
        stage, environment = self.graph.stages[task.stage], self.pipeline.environment
        secrets = {*environment.secrets, *option.secrets}
        own = {**variables, **environment.variables, "PYTHONPATH": str(self.pipeline.folder)}
        return Job(
            variant=task.name,
            template=option.template.path,
            folder=folder,
            parameters=task.identified.resolved.params,
            key=task.key,
            kernel=stage.kernel or option.template.kernel,
            environment=own,
            secrets={name: os.environ[name] for name in secrets if name in os.environ},
            timeout_s=stage.timeout_s,
            source=self._folder.template(option.template),
        )

    def _take(self, done: Done) -> None:
        """Take in an execution that came to an end."""
        task = self._running.pop(done.task)
        outcome = done.outcome or read_outcome(self._folder.variant(task.name), task.key)
        if outcome is None:
            message = f"the worker that executed the notebook was lost: {done.reason}"
            outcome = _failure(task.name, task.key, CellError("WorkerLost", message))
            write_json(self._folder.variant(task.name) / "result.json", outcome.to_record())
            task.losses += 1
            may_retry = task.losses <= _FREE_RETRIES
        else:
            task.failures += outcome.state.is_failure
            retries = self.graph.stages[task.stage].retries
            may_retry = outcome.state.is_failure and task.failures <= retries
        if may_retry and self._stop_reason is None and task.name not in self._stopping:
            self._retry(task, outcome)
        else:
            self._finish(task, outcome)

    def _retry(self, task: Task, outcome: Outcome) -> None:
        kept = self._folder.keep_attempt(task.name, task.attempt)
        if task.record is not None:
            self._tracker.finish(task.record, outcome, kept, lambda: None)
        self._tell.retried(task, outcome, kept)
        task.attempt += 1
        task.node.state = State.PENDING
        self._queue.push_front(task)

    def _finish(self, task: Task, outcome: Outcome) -> None:
        if task.record is not None:
            folder = self._folder.variant(task.name)
            release = self._locks.release
            self._tracker.finish(task.record, outcome, folder, lambda: release(task.key))
        self._end(task.node, outcome, task.identified)

    def _end(self, node: Node, outcome: Outcome, identified: Identified | None = None) -> None:
        result = None
        if identified is not None and outcome.state.is_success:
            folder = self._folder.variant(node.variant.name)
            result = Result(node.variant, identified.resolved, outcome, folder)
        self._tell.ended(node, outcome.state, outcome=outcome)
        self.graph.end(node.variant.name, outcome.state, result)

    def _obey(self) -> None:
        for request in self._control.take():
            if request.variant is None:
                self.request_stop("asked to stop")
            elif request.variant in self._running:
                self._stopping.add(request.variant)
            else:
                self._stop_waiting(request.variant)
        self._pass_on(self._stopping)

    def _pass_on(self, names: Iterable[str]) -> None:
        """Have variants stop; asked again and again, since one that only begins does not hear."""
        for name in self._running.keys() & set(names):
            self._pool.stop(name)

    def _stop_waiting(self, name: str) -> None:
        node = self.graph.nodes.get(name)
        if node is not None and node.state is State.PENDING:
            task = self._queue.remove(name)
            if task is not None and task.is_claimed:
                self._locks.release(task.key)
            self._tell.ended(node, State.STOPPED, reason="asked to stop")
            self.graph.end(name, State.STOPPED)

    def _stop(self, reason: str) -> State:
        """End what runs, keep what it left, and mark the rest as stopped."""
        self._tell.emit(EventKind.RUN_STOPPING, reason=reason)
        self._queue.clear()
        while self._running:
            self._pass_on(self._running)
            for done in self._pool.wait(_TICK_S):
                self._take(done)
        self._tell.news()
        for node in self.graph.abandon():
            self._tell.ended(node, State.STOPPED, reason=reason)
        return State.STOPPED


def _record(identified: Identified) -> VariantRecord:
    variant = identified.node.variant
    return VariantRecord(
        name=variant.name,
        stage=variant.stage,
        label=variant.label,
        params=identified.resolved.params,
        lineage=variant.lineage,
        key=identified.key,
        parts=identified.parts,
        template=str(variant.option.template.path),
    )


def _failure(name: str, key: str, error: CellError) -> Outcome:
    now = time.time()
    return Outcome(name, key, State.FAILED, now, now, error=error)
