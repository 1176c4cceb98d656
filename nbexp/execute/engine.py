"""papermill's engine of the name ``nbexp``: cells run one by one, and every end is told apart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path
from typing import Any

import zmq
from nbclient.client import timestamp
from nbclient.exceptions import CellExecutionComplete
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

from nbexp.execute import failures
from nbexp.execute.cwd import cwd_of
from nbexp.execute.decision_channel import ENDINGS, channel, tell_history
from nbexp.execute.execution import Execution, NotebookKernel
from nbexp.execute.kernel import Kernel, KernelDiedError, cancel
from nbexp.execute.observing import installation
from nbexp.execute.recorder import Recorder
from nbexp.masks import SECRETS
from nbexp.runs.outcome import CellError
from nbexp.states import State

ENGINE = "nbexp"
LOG = logging.getLogger("nbexp.execute")
_INTERRUPT_S = 3.0  # for a cell to end after it was interrupted
_SHUTDOWN_S = 2.5  # for a kernel to run its exit handlers; nbclient ends it then, too
_HURRY_S = 1.0  # the same, where it was stopped
_BEGIN_S = 0.5  # for a cell to begin, before it is interrupted
_IDLE_S = 2.0  # without any message, until the one that says "idle" counts as dropped
_DRAIN_S = 0.2  # for what a kernel sent before it died
_SAVE_S = 0.5

# The template's environment may have no nbexp. The code leaves no name behind.
_HOOKS = """\
try:
    __import__("nbexp.notebook.hooks", fromlist=["install"]).install()
    __import__("nbexp.notebook.messages", fromlist=["install"]).install()
except ImportError:
    pass
"""


class NbexpEngine(Engine):  # type: ignore[misc] # papermill is untyped
    """Runs a notebook for an `Execution`, which papermill passes on as it is."""

    @classmethod
    def execute_notebook(  # noqa: D102 # papermill's own
        cls, nb: Any, kernel_name: str, *, execution: Execution, **_: Any
    ) -> Any:
        job = execution.job
        nb.metadata.papermill["input_path"] = str(job.template)
        nb.metadata.papermill["output_path"] = str(job.files.notebook)
        execution.notebook = nb
        tell_history(nb, job.history)
        states = _States(nb, execution.recorder)
        states.notebook_start()
        execution.recorder.save(nb)
        try:
            cls.execute_managed_notebook(states, kernel_name, execution=execution)
        finally:
            states.notebook_complete()
        return nb

    @classmethod
    def execute_managed_notebook(  # noqa: D102 # papermill's own
        cls, nb_man: Any, kernel_name: str, *, execution: Execution, **_: Any
    ) -> None:
        kernel = _kernel(kernel_name, execution)
        asyncio.run(_Client(nb_man, kernel, execution).run())


def _kernel(name: str, execution: Execution) -> NotebookKernel:
    job = execution.job
    if execution.open_kernel is not None:
        return execution.open_kernel(job, name)
    imports = job.imports if job.warm else None
    return Kernel(name, execution.guard, LOG, imports=imports)


papermill_engines.register(ENGINE, NbexpEngine)


class _States(NotebookExecutionManager):  # type: ignore[misc] # papermill is untyped
    """The cells' states in the notebook's metadata, which say completed only where it is true."""

    def __init__(self, nb: Any, recorder: Recorder) -> None:
        super().__init__(nb, progress_bar=False, autosave_cell_every=0)
        self._recorder = recorder

    def save(self, **_: Any) -> None:
        self._recorder.changed()

    def notebook_complete(self, **_: Any) -> None:
        states = [cell.metadata.papermill["status"] for cell in self.nb.cells]
        super().notebook_complete()  # it also marks as completed what never ran
        for cell, state in zip(self.nb.cells, states, strict=True):
            cell.metadata.papermill["status"] = state


class _Client(PapermillNotebookClient):  # type: ignore[misc] # papermill is untyped
    """Runs the cells on a kernel; what they print is recorded as it comes."""

    def __init__(self, states: _States, kernel: NotebookKernel, execution: Execution) -> None:
        super().__init__(states, km=kernel.manager, log=LOG)
        self._kernel = kernel
        self._run = execution
        self._cells: dict[str, tuple[Any, int]] = {}  # by the request that runs them
        self._idle: dict[str, asyncio.Event] = {}
        self._begun = asyncio.Event()
        self._running: int | None = None
        self._messages = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.reset_execution_trackers()

    async def run(self) -> None:
        """Run the whole notebook; the kernel is gone afterwards."""
        helpers = [self._end_on_request(), self._save()]
        self._tasks = [asyncio.create_task(helper) for helper in helpers]
        try:
            async with self._reports():
                await self._start()
                with self._run.timed("cells"):
                    await self._run_cells()
            self.nb.metadata["language_info"] = self._kernel.info["language_info"]
            self.set_widgets_metadata()
        except KernelDiedError as death:
            self._end(death)
        finally:
            if not self._kernel.is_ipykernel and (noise := self._kernel.output()):
                self._run.recorder.line(f"--- written by the kernel itself ---\n{noise}")
            if self._run.observer is not None:
                self._run.observer.cells_ended()
            hurries = self._run.ending.reason is not None
            with self._run.timed("shutdown"):
                await self._kernel.end(_HURRY_S if hurries else _SHUTDOWN_S)
            self._run.usage = self._kernel.usage
            await cancel(*self._tasks)

    def _reports(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Serve the kernel's reports, where somebody decides on them."""
        job = self._run.job
        if not job.is_steered or not isinstance(self._kernel.reports, Path):  # it asks otherwise
            return contextlib.nullcontext()
        return channel(self._kernel.reports, job.variant, self._run.desk)

    async def _start(self) -> None:
        if self._run.ending.reason is not None:
            raise self._kernel.death()
        job = self._run.job
        environment = {
            **{name: each for name, each in os.environ.items() if name not in job.withheld},
            **job.environment,
            **job.secrets,
            "NBEXP_FOLDER": str(job.folder),
            "NBEXP_VARIANT": job.variant,
        }
        environment |= {SECRETS: " ".join(job.secrets)} if job.secrets else {}
        environment |= {"NBEXP_METRIC": job.metric} if job.metric else {}
        environment |= {"NBEXP_CHANNEL": str(self._kernel.reports)} if job.is_steered else {}
        began = time.monotonic()
        with self._run.timed("start"):
            await self._kernel.start(folder=cwd_of(job), environment=environment)
            await self._connect()
        launch_s = self._kernel.launched - began
        self._run.timings["launch"] = launch_s
        self._run.timings["start"] -= launch_s

    async def _connect(self) -> None:
        self.km, self.kc = self._kernel.manager, self._kernel.client
        self._death = asyncio.create_task(self._kernel.until_dead())
        self._tasks += [self._death, asyncio.create_task(self._read_outputs())]
        if self._kernel.is_python:
            code = _HOOKS + installation(self._run.job)
            request = self.kc.execute(code, silent=True, store_history=False, stop_on_error=False)
            reply = (await self._reply(request))["content"]
            if reply["status"] != "ok":
                reason = f"{reply.get('ename')}: {reply.get('evalue')}"
                self._run.recorder.line(f"nbexp's hooks failed: {reason}")
            if self._run.observer is not None:
                self._tasks.append(asyncio.create_task(self._run.observer.look_ahead()))
        elif self._run.observer is not None:
            pid = getattr(self._kernel.manager.provisioner, "pid", None)
            self._tasks.append(asyncio.create_task(self._run.open_files.watch(pid)))

    async def _run_cells(self) -> None:
        for index, cell in enumerate(self.nb.cells):
            if self._is_skipped(cell):
                continue
            self.nb_man.cell_start(cell, index)
            self._running = index
            try:
                goes_on = not self._is_code(cell) or await self._run_cell(cell, index)
            except BaseException:
                self.nb_man.cell_exception(cell, cell_index=index)
                raise
            finally:
                self.nb_man.cell_complete(cell, cell_index=index)
            if self._run.ending.reason is not None and self._run.ended_by is None:
                return self._end(None)
            self._running = None
            if not goes_on:
                return None
        return None

    async def _run_cell(self, cell: Any, index: int) -> bool:
        """Run a code cell, and return whether the next one may run."""
        number, count = self._run.number_of(cell), self._run.count
        self._run.recorder.cell(number, count, cell.source)
        self._begun.clear()
        may_fail = "raises-exception" in cell.metadata.get("tags", [])
        cell.metadata["execution"] = {}
        self.clear_before_next_output = False
        request = self.kc.execute(cell.source, store_history=True, stop_on_error=not may_fail)
        self._cells[request] = (cell, index)
        self._idle[request] = asyncio.Event()
        try:
            message = await self._reply(request)
            cell.metadata["execution"]["shell.execute_reply"] = timestamp(message)
            await self._until_idle(request)
        except KernelDiedError:
            await self._until_idle(request, patience_s=_DRAIN_S)
            raise
        reply = failures.told(message["content"], cell.outputs)
        if reply.get("ename") in ENDINGS:
            self._end_early(reply, cell, index)
            return False
        if reply["status"] == "ok" or (reply["status"] == "error" and may_fail):
            self._run.cells += 1
            return not self._asks_exit(reply, index)
        self.nb_man.cell_exception(cell, cell_index=index)
        self._fail(reply, index)
        return False

    async def _reply(self, request: str) -> dict[str, Any]:
        """Return the reply to a request.

        Raises:
            KernelDiedError: The kernel ended first.
        """
        while True:
            message = asyncio.ensure_future(self.kc.shell_channel.get_msg(timeout=None))
            await asyncio.wait({message, self._death}, return_when=asyncio.FIRST_COMPLETED)
            if not message.done():
                await cancel(message)
                raise self._kernel.death()
            reply: dict[str, Any] = message.result()
            if reply["parent_header"].get("msg_id") == request:
                return reply

    async def _until_idle(self, request: str, patience_s: float = _IDLE_S) -> None:
        """Wait for the outputs of a cell, but not for ever: a message may have been dropped."""
        idle = self._idle[request]
        while not idle.is_set():
            seen = self._messages
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(idle.wait(), patience_s)
            if self._messages == seen:
                return

    async def _read_outputs(self) -> None:
        while True:
            try:
                message = await self.kc.iopub_channel.get_msg(timeout=None)
                request = message["parent_header"].get("msg_id")
                if request in self._cells:
                    self._messages += 1
                    self.process_message(message, *self._cells[request])
            except CellExecutionComplete:
                self._idle[request].set()
            except zmq.ZMQError:
                return
            except Exception as error:  # one odd message must not cost the notebook
                self._run.recorder.line(f"An output could not be read: {error!r}")
            await asyncio.sleep(0)  # a flood of outputs must not keep a stop from being heard

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Take an output or a state from the kernel, as nbclient does, and record it."""
        if msg["msg_type"] == "execute_input":
            self._begun.set()
        self._run.recorder.changed()
        output = super().process_message(msg, cell, cell_index)
        if output:
            self._run.recorder.output(output)
        return output

    async def _save(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_S)
            self._run.recorder.save_if_due(self.nb)

    async def _end_on_request(self) -> None:
        """Once asked to, interrupt the cell that runs, then kill what does not end."""
        if self._run.deadline is not None:
            asyncio.get_running_loop().call_at(
                self._run.deadline, self._run.ending.request, State.TIMED_OUT
            )
        await self._run.ending.requested()
        if self._running is not None:
            # A kernel ignores an interrupt that comes before its cell has begun.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._begun.wait(), _BEGIN_S)
            await self._kernel.interrupt()
            await asyncio.sleep(_INTERRUPT_S)
        while True:  # the process may only just be starting
            self._kernel.kill()
            await asyncio.sleep(_DRAIN_S)

    def _end(self, death: KernelDiedError | None) -> None:
        """Note why the notebook ended, by request or by its kernel's death."""
        index = self._running
        number = None if index is None else index + 1
        source = "" if index is None else self.nb.cells[index].source
        self.nb.metadata.papermill["exception"] = True
        self._run.note = ""
        self._run.ended_by = self._run.ending.reason
        if self._run.ended_by is not None:
            timeout_s = self._run.job.timeout_s
            self._run.error = failures.ended(self._run.ended_by, timeout_s, number, source)
        elif death is not None:
            self._run.error = failures.kernel_died(death, number, source)
        if self._run.error is not None and index is not None:
            self._run.error = self._placed(self._run.error, index)

    def _fail(self, reply: dict[str, Any], index: int) -> None:
        is_exit = reply.get("ename") == "SystemExit"
        if is_exit and reply.get("evalue") in ("", "0"):  # a success for papermill too
            self._note_exit(index, "sys.exit(0)")
        else:
            job = self._run.job
            project = job.project or job.template.parent
            cells, recorder = self.nb.cells[: index + 1], self._run.recorder
            number_of = self._run.number_of
            error = failures.cell_failed(reply, cells, number_of, project, recorder.mask)
            self._run.error = self._placed(error, index)
            recorder.line(failures.quoted(self._run.error))

    def _placed(self, error: CellError, index: int) -> CellError:
        number = self._run.number_of(self.nb.cells[index])
        return failures.placed(error, self._run.job, number)

    def _asks_exit(self, reply: dict[str, Any], index: int) -> bool:
        payloads = reply.get("payload") or []
        if not any(payload.get("source") == "ask_exit" for payload in payloads):
            return False
        self._note_exit(index, "exit()")
        return True

    def _end_early(self, reply: dict[str, Any], cell: Any, index: int) -> None:
        """Note that the cell was stopped or paused, and say so there."""
        self._run.ended_by = ENDINGS[reply["ename"]]
        self._run.note = f"{reply['evalue']} ({self._name(index)}{self._left(index)})"
        self._run.recorder.line(reply["evalue"])
        failures.tell_ending(cell, reply["evalue"])

    def _note_exit(self, index: int, call: str) -> None:
        if left := self._left(index):
            self._run.note = f"{self._name(index)} ended the notebook early with {call}{left}"

    def _name(self, index: int) -> str:
        number = self._run.number_of(self.nb.cells[index])
        return "the parameters" if number is None else f"cell {number}"

    def _left(self, index: int) -> str:
        """Return how many cells after one did not run, as the end of a sentence."""
        left = sum(self._is_code(c) and not self._is_skipped(c) for c in self.nb.cells[index + 1 :])
        return f"; {left} cell{'s' * (left != 1)} did not run" if left else ""

    def _is_code(self, cell: Any) -> bool:
        return cell.cell_type == "code" and bool(cell.source.strip())

    def _is_skipped(self, cell: Any) -> bool:
        tags = cell.metadata.get("tags", [])
        return self._is_code(cell) and self.skip_cells_with_tag in tags
