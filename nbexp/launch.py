"""Starts a run: MLflow and the first workers side by side, then the loop."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbexp.errors import LinkError, NbexpError
from nbexp.files import write_json
from nbexp.machine import check_nodes
from nbexp.pipeline import Pipeline, Resources
from nbexp.plan import Graph, identify
from nbexp.run import (
    Parts,
    PastResults,
    RunIndex,
    Runner,
    StatusFile,
    Warmup,
    Workers,
    complete_runs,
    hand_over_runs,
)
from nbexp.run.writer import RunWriter
from nbexp.runs.events import EventLog, Events, Listener
from nbexp.runs.finding import list_runs
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory
from nbexp.runs.results import RunResult
from nbexp.runs.variant_folder import RUNS
from nbexp.states import State
from nbexp.tracking import LazyTracker, TensorboardListener, log_report

_log = logging.getLogger(__name__)
_LOOKED_AT = 24  # variants of two keys at most: for more than 50, a server is asked for all


class Launch:
    """One run, from the first look at what there is to do to its end.

    Args:
        spec: The pipeline.
        stages: Names of the stages that take part.
        fresh: Whether everything is executed, whatever ran before.
        workers: What executes notebooks.
        listeners: Who is told what happens.
    """

    def __init__(
        self,
        spec: Pipeline,
        stages: set[str],
        *,
        fresh: bool,
        workers: Workers,
        listeners: Sequence[Listener],
    ) -> None:
        self._spec = spec
        self._stages = stages
        self._fresh = fresh
        self._listeners = listeners
        self._workers = workers
        self._warmup = Warmup(spec)
        self._index = RunIndex(spec.folder / RUNS)

    def run(self) -> RunResult:
        """Run to the end.

        Raises:
            PipelineError: No node has the resources of a stage.
            RunError: Workers or MLflow can't be used, or the folder can't be written; nothing has
                been.
        """
        RunWriter.check_place(self._spec)
        tracker, workers = LazyTracker(self._spec), self._workers
        try:
            cut_off = set(self._look())
            self._start(tracker)
            complete_runs(run for run in list_runs(self._spec.folder) if run.id in cut_off)
            folder = RunWriter.create(self._spec)
            try:
                self._run_in(folder, tracker)
            finally:
                folder.unlock()
            self._hand_over(tracker, folder)
        finally:
            tracker.close()
            self._index.close()
            workers.close()
            self._warmup.close()
        result = RunResult.read(folder.path)
        if self._spec.report and result.state is not State.STOPPED:
            _report(folder.path, tracker.uri if tracker.is_reached else None)
        return result

    def _look(self) -> list[str]:
        """Take in what there is; return the names of the runs that have not ended."""
        self._index.refresh()
        return self._index.cut_off()

    def _start(self, tracker: LazyTracker) -> None:
        """Start at once all that is going to be needed, and wait until it is there.

        Ray stays out where the first variants are all known: it may not be needed at all. It is
        started from the main thread, since its processes end with the thread that started them.
        """
        workers = self._workers
        waiting = self._count_first()
        is_needed = bool(waiting) or self._fresh or workers.are_elsewhere
        if workers.are_processes and not workers.are_elsewhere:  # kernels are forked here
            self._warmup.begin(self._spec.stages[name] for name in waiting)
        if is_needed:
            workers.load()  # before MLflow is: what Ray waits for can then go on beside it
        if is_needed or not tracker.is_local or self._is_lacking(tracker):
            tracker.expect()
        if is_needed:
            workers.start()
        if workers.are_elsewhere:
            check_nodes(self._spec, self._stages, workers.nodes())
        if waiting:
            shapes: Counter[Resources] = Counter()
            for name, count in waiting.items():
                shapes[self._spec.stages[name].resources] += count
            workers.scale(shapes)
        tracker.connect()

    def _is_lacking(self, tracker: LazyTracker) -> bool:
        """Whether the tracker is seen to lack what earlier runs have executed."""
        lost = self._index.ended(is_complete=True, executed=True) if tracker.is_new else []
        return bool(lost or self._index.ended(is_complete=False, executed=True))

    def _count_first(self) -> Counter[str]:
        """Count by stage which of the first variants, of those ready at once, are not known."""
        graph = Graph(self._spec, self._stages)
        try:
            first = [identify(graph, node) for node in graph.take_ready()[:_LOOKED_AT]]
        except (LinkError, OSError):  # the run will say so
            return Counter()
        past = PastResults(graph, self._index)
        found = {} if self._fresh else past.find(first)
        return Counter(
            each.node.variant.stage
            for each in first
            if next(past.usable(each, found), None) is None
        )

    def _run_in(self, folder: RunWriter, tracker: LazyTracker) -> None:
        history = RunHistory()
        status = StatusFile(folder, history)
        log = EventLog(folder)
        boards = TensorboardListener(folder.path)
        events = Events([log, history, status, boards, *self._listeners])
        workers, stages = self._workers, self._spec.stages
        limited = [name for name in stages if name in self._stages and stages[name].timeout_s]
        parts = Parts(
            folder,
            tracker,
            workers,
            events,
            self._index,
            status.catch_up,
            workers.identity,
            workers.remarks(limited),
        )
        runner = Runner(self._spec, parts, only=self._stages, fresh=self._fresh)
        write_json(folder.plan, _planned(runner.graph))
        tracker.open_run(folder.path)
        with _stopping(runner):
            runner.run()
        status.write(is_complete=log.is_whole and tracker.is_whole)
        self._index.refresh()

    def _hand_over(self, tracker: LazyTracker, own: RunFolder) -> None:
        """Enter in the tracker what it lacks of earlier runs, now that it is there anyway."""
        if not tracker.is_reached or own.read_status().get("state") == State.STOPPED.value:
            return
        try:
            hand_over_runs(self._spec.folder, tracker, self._index, own=own.id)
        except Exception as error:  # the next run tries it again
            _log.warning("earlier runs are not all tracked yet: %s", error)


def _report(run: Path, uri: str | None) -> None:
    """Write the report of a run; if that fails, the run has ended as it has all the same.

    Args:
        run: The run's folder.
        uri: Where to keep it, too; None where the run is handed over later, and its report with it.
    """
    from nbexp.reports import write_report

    try:
        report = write_report(run).index.parent
        if uri is not None:
            log_report(run, report, uri)
    except Exception as error:
        _log.warning("no report: %s", error, exc_info=not isinstance(error, NbexpError))


def _planned(graph: Graph) -> dict[str, Any]:
    """Return the plan as it stands before anything has run."""
    return {
        name: {
            "is_open": not graph.is_expanded(name),
            "variants": [
                {
                    "name": node.variant.name,
                    "label": node.variant.label,
                    "lineage": dict(node.variant.lineage),
                }
                for node in graph.nodes_of(name)
            ],
        }
        for name in graph.stages
    }


@contextmanager
def _stopping(runner: Runner) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM, SIGHUP) stop a run gracefully, and the second at once.

    A SIGHUP that is ignored stays so: `nohup` has the run go on when its terminal is closed. Of the
    others shells make no such wish: in scripts, they have all that runs in the background ignore
    SIGINT.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def stop(number: int, _frame: Any) -> None:
        nonlocal asked
        if asked:
            # Guards end the workers and kernels; the next run completes what is left.
            os._exit(128 + number)
        asked = True
        runner.request_stop(f"stopped by {signal.Signals(number).name}")

    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    previous = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
