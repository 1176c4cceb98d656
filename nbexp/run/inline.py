"""Runs notebooks one after another in this process: no Ray, and breakpoints stop in the terminal.

A notebook runs in the thread that waits for it, as the code of a script would, so that debuggers,
signals and libraries find what they expect. Between its cells, and where it waits for an answer to
a report, the run goes on for a moment: the two are coroutines of one thread (greenlets), each with
its own `Surroundings`.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbexp.decisions import Decision, DecisionKind
from nbexp.execute import NotebookExecutor
from nbexp.execute.job import Job, MetricReport
from nbexp.pipeline import Resources
from nbexp.run.cluster import local_node
from nbexp.run.worker import kernel_environment
from nbexp.run.workers import Done, Slot, Workers
from nbexp.runs.outcome import Outcome
from nbexp.runs.record import inline_key

if TYPE_CHECKING:
    from nbexp.execute.execution import NotebookKernel
    from nbexp.execute.surroundings import Surroundings


class InlineWorkers(Workers):
    """One worker: this process, and the thread that calls `wait`."""

    are_processes = False

    def __init__(self) -> None:
        self._executor = NotebookExecutor(self._open_kernel)
        self._slot: Slot | None = None
        self._notebook: _Notebook | None = None

    def start(self) -> None:
        """Do nothing: this process is there."""

    def nodes(self) -> Sequence[Mapping[str, float]]:
        """Return the resources of this machine."""
        return [local_node()]

    def idle(self) -> list[Slot]:
        """Return the worker, if it has nothing to do."""
        return [self._slot] if self._slot is not None and self._slot.task is None else []

    def capacity(self, _shape: Resources) -> int:
        """Return that there is one."""
        return 1

    def room(self, _shape: Resources) -> int:
        """Return how many notebooks could run now: one, if none does."""
        return 0 if self._notebook is not None else 1

    def scale(self, waiting: Mapping[Resources, int]) -> None:
        """Have the worker take the shape that waits longest."""
        if self._notebook is None:
            self._slot = Slot(next(iter(waiting)), is_up=True)

    def run(self, slot: Slot, job: Job) -> None:
        """Get a notebook ready, which runs whenever it is waited for."""
        slot.task = job.variant
        inherited = {k: v for k, v in os.environ.items() if k not in job.withheld}
        threads = inherited.get("OMP_NUM_THREADS") or str(max(1, int(slot.shape.cpu)))
        environment = kernel_environment(inherited, job.environment, threads)
        if environment.get("PYTHONBREAKPOINT", "").startswith("ray."):  # of a run on Ray before
            environment["PYTHONBREAKPOINT"] = ""  # Python's own
        # What it uses can't be told from what this process does itself; see `identity`.
        job = replace(job, environment=environment, observe=False, warm=False, timeout_s=None)
        self._notebook = _Notebook(self._executor, job)

    def wait(self, timeout_s: float) -> list[Done | MetricReport]:
        """Let the notebook run until its cell or itself has ended, or until it reports."""
        if self._notebook is None or self._slot is None:
            time.sleep(timeout_s)
            return []
        notebook, task = self._notebook, str(self._slot.task)
        try:
            notebook.go_on()
        except Exception as error:  # its folder can't be written
            self._notebook = self._slot.task = None
            return [Done(task, None, str(error))]
        heard: list[Done | MetricReport] = list(notebook.take_reports())
        if notebook.outcome is not None:
            self._notebook = self._slot.task = None
            heard.append(Done(task, notebook.outcome))
        return heard

    def answer(self, _task: str, answer: Decision) -> None:
        """Have the notebook find an answer when it goes on."""
        if self._notebook is not None:
            self._notebook.answer(answer)

    def stop(self, _task: str) -> None:
        """Have the notebook end when it goes on."""
        if self._notebook is not None:
            self._notebook.stop()

    def kill(self) -> None:
        """End the notebook, as one that was stopped."""
        notebook, self._notebook = self._notebook, None
        if notebook is not None:
            notebook.end()

    def close(self) -> None:
        """End the notebook."""
        self.kill()
        self._executor.close()

    def identity(self, key: str) -> str:
        """Return an identity that no other run looks for: nobody has seen what was used."""
        return inline_key(key)

    def remarks(self, limited: Sequence[str]) -> Sequence[str]:
        """Return what notebooks do without in this process."""
        limits = f" without time limits ({', '.join(limited)})" if limited else ""
        return [
            f"inline: notebooks run one after another in this process{limits}; nothing tells what "
            "they use, so later runs don't reuse their results"
        ]

    def _open_kernel(self, job: Job, name: str) -> NotebookKernel:
        from nbexp.execute.inline_kernel import InlineKernel

        assert self._notebook is not None
        project = job.project or job.template.parent
        return InlineKernel(
            name,
            project=(project, job.template.parent),
            mask=job.mask(),
            between=self._notebook.between_cells,
            interrupted=self._notebook.stop,
        )


class _Notebook:
    """A notebook that runs in this thread by turns with the run.

    Attributes:
        outcome: How it ended, once it has.
    """

    def __init__(self, executor: NotebookExecutor, job: Job) -> None:
        from greenlet import greenlet

        self.outcome: Outcome | None = None
        self._executor = executor
        self._job = job
        self._coroutine = greenlet(self._execute)
        self._surroundings: Surroundings | None = None
        self._thread = threading.get_ident()
        self._reports: list[MetricReport] = []
        self._count = 0
        self._answer = Decision()
        self._late: Decision | None = None  # an answer for whom nobody waited
        self._is_stopping = False
        self._never_waits = False

    def go_on(self) -> None:
        """Let it run until it gives way.

        Raises:
            OSError: Its folder can't be written.
        """
        from greenlet import getcurrent

        from nbexp.execute.surroundings import Surroundings

        own = Surroundings.now()
        self._coroutine.parent = getcurrent()
        if self._surroundings is not None:
            self._surroundings.restore()
        asyncio._set_running_loop(self._surroundings.loop if self._surroundings else None)
        try:
            self._coroutine.switch()
        finally:
            try:
                self._surroundings = None if self._coroutine.dead else Surroundings.now()
            finally:
                own.restore()

    def end(self) -> None:
        """Stop it, and let it run to its end."""
        self._never_waits = True
        self.stop()
        while not self._coroutine.dead:
            self.go_on()

    def stop(self) -> None:
        """Have it end when it goes on; it is interrupted where it waits for an answer."""
        self._is_stopping = True
        self._executor.stop()

    def take_reports(self) -> list[MetricReport]:
        """Return the reports that have not been returned yet."""
        reports, self._reports = self._reports, []
        return reports

    def answer(self, answer: Decision) -> None:
        """Take the answer to a report."""
        if answer.report and answer.report == self._count:
            self._answer = answer
        elif answer.kind is not DecisionKind.CONTINUE:
            self._late = answer

    def between_cells(self) -> bool:
        """Give way to the run; return whether the next cell may run."""
        self._give_way()
        return not self._is_stopping

    def _execute(self) -> None:
        from nbexp.notebook.channel import answer_here

        answer_here(self._ask)
        try:
            self.outcome = self._executor.execute(self._job)
        finally:
            answer_here(None)

    def _ask(self, step: int, value: float) -> Decision:
        """Report, and return the answer; to another thread than the notebook's it comes late."""
        is_waiting = threading.get_ident() == self._thread
        self._count += is_waiting
        number = self._count if is_waiting else 0
        self._reports.append(MetricReport(self._job.variant, step, value, number))
        if not is_waiting:
            return Decision()
        self._answer = Decision()
        self._give_way()
        if self._is_stopping:
            raise KeyboardInterrupt
        late, self._late = self._late, None
        return late or self._answer

    def _give_way(self) -> None:
        if not self._never_waits:
            parent: Any = self._coroutine.parent
            parent.switch()
