"""One kernel process: started in private, watched, interrupted, and gone at the end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty
from typing import IO, TYPE_CHECKING, Any

import zmq
import zmq.asyncio
from jupyter_client.manager import AsyncKernelManager

from nbexp.execute.guard import Guard, kill_group
from nbexp.execute.private import PrivateFolder
from nbexp.execute.specs import find_kernel
from nbexp.warm import provisioner, until_ended

if TYPE_CHECKING:
    import psutil

_START_S = 120.0
_ATTEMPTS = 3
_POLL_S = 0.05
_RECONNECT_MS = 5
_NOT_RUN = 127  # the exit code that shells give for a program that can't be run
_KILL_S = 5.0
_LEAVE_S = 1.0
_LEAVE = """
(lambda loop: loop.call_later(0.002, loop.stop))(
    __import__("IPython").get_ipython().kernel.io_loop
)
(lambda hook: hook and hook.flush())(__import__("sys").modules.get("nbexp.observe.hook"))
"""
_OUTPUT_BYTES = 100_000
_MESSAGES_HELD = 100_000  # more than ZeroMQ's 1,000, so that a burst of output is not dropped
_SOCKET_PATH_CHARACTERS = 60  # a socket's whole path may have about 100


class KernelDiedError(Exception):
    """The kernel's process ended, or never got ready.

    Attributes:
        exit_code: Its exit code, or minus the number of the signal that ended it.
        output: The end of what it wrote beside its messages.
        started: Whether it had been ready.
    """

    def __init__(self, exit_code: int | None, output: str, *, started: bool) -> None:
        self.exit_code = exit_code
        self.output = output
        self.started = started
        super().__init__(f"exit code {exit_code}")


class Kernel:
    """A kernel for one execution.

    Attributes:
        spec: Its specification: language, command line and so on.
        is_python: Whether its language is Python.
        is_ipykernel: Whether it is IPython's, which sends whatever it or its children print.
        manager: The manager of its process.
        client: The client that is connected to it, once it has started.
        info: Its reply to a request for its info: language and version.
        reports: Path of a socket that it may send reports to.
        launched: Time (`time.monotonic`) since which its process exists.
        usage: What its process had used when it was asked to end: ``cpu_s``, and ``memory_mib``
            at the most. The processes that it started count for the time once they have ended.
            Empty where it had ended before, or is out of reach.
    """

    def __init__(
        self,
        name: str,
        guard: Guard,
        log: logging.Logger,
        *,
        imports: Sequence[str] | None = None,
    ) -> None:
        """Find the kernel.

        Args:
            name: Its name.
            guard: Ends it if this process is killed.
            log: Where its manager logs.
            imports: Modules that it may find imported already; None for an ordinary start.

        Raises:
            UsageError: There is no kernel of that name.
        """
        self.spec = find_kernel(name)
        self.is_ipykernel = any("ipykernel" in word for word in self.spec.argv)
        self.is_python = self.spec.language.lower() == "python"
        self.info: dict[str, Any] = {}
        self.manager: Any = None
        self.client: Any = None
        self.exit_code: int | None = None
        self.launched = 0.0
        self.usage: dict[str, float] = {}
        self._imports = imports if self.is_ipykernel else None
        self._name = name
        self._guard = guard
        self._log = log
        self._group: int | None = None
        self._killed = asyncio.Event()
        self._private = PrivateFolder(guard, longest=_SOCKET_PATH_CHARACTERS)
        self._folder = self._private.path
        self.reports = self._folder / "reports"

    async def start(self, *, folder: Path, environment: Mapping[str, str]) -> None:
        """Start the process in a folder, and return once it answers.

        Raises:
            KernelDiedError: It can't be run, ended, or gave no answer in time.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._launch(folder, environment)
                await self._until_ready()
            except OSError as error:
                raise KernelDiedError(_NOT_RUN, str(error), started=False) from error
            except KernelDiedError as error:
                await self._discard()
                if attempt == _ATTEMPTS or "already in use" not in error.output.lower():
                    raise
            else:
                return

    async def until_dead(self) -> None:
        """Return once the process has ended."""
        while await self._is_alive():
            await until_ended(self.manager.provisioner, _POLL_S)

    async def interrupt(self) -> None:
        """Interrupt what runs, in the way that the kernel asks for."""
        with contextlib.suppress(RuntimeError, OSError):
            await self.manager.interrupt_kernel()

    def kill(self) -> None:
        """Kill the process, and all that belong to its group, or give up starting it."""
        self._killed.set()
        self._kill_group()

    async def end(self, grace_s: float) -> None:
        """Ask the kernel to shut down, kill what is left after a while, and clean up."""
        try:
            is_alive = self.client is not None and await self._is_alive()
            self.usage = self._used() if is_alive else {}
            if is_alive and not (self.is_ipykernel and await self._left()):
                await self.manager.request_shutdown()
                await self._is_gone_within(grace_s)
        finally:
            await self._discard()
            self._private.close()

    def output(self) -> str:
        """Return the end of what the process wrote outside of its messages."""
        with contextlib.suppress(OSError):
            output = (self._folder / "output").read_bytes()[-_OUTPUT_BYTES:]
            return output.decode(errors="replace").strip()
        return ""

    def death(self) -> KernelDiedError:
        """Return the error that says how the process ended."""
        return KernelDiedError(self.exit_code, self.output(), started=bool(self.info))

    def _kill_group(self) -> None:
        if self._group is not None:
            kill_group(self._group)

    async def _launch(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.manager = self._new_manager()
        options = ["--HistoryManager.hist_file=:memory:"] if self.is_ipykernel else []
        with (self._folder / "output").open("ab") as output:
            start = self.manager.start_kernel(
                cwd=str(folder),
                env=dict(environment),
                extra_arguments=options,
                **_outputs(output),
            )
            await self._unless_killed(asyncio.ensure_future(start))
        provisioner = self.manager.provisioner
        self.launched = getattr(provisioner.process, "launched", time.monotonic())
        self._group = getattr(provisioner, "pgid", None)
        if self._group is not None:
            self._guard.watch(self._folder, self._group)

    async def _unless_killed(self, start: asyncio.Future[Any]) -> None:
        """Wait until the process has been started, which may take a warm parent a while."""
        killed: asyncio.Future[Any] = asyncio.ensure_future(self._killed.wait())
        await asyncio.wait({start, killed}, return_when=asyncio.FIRST_COMPLETED)
        if not start.done():
            await cancel(start, killed)
            raise self.death()
        await cancel(killed)
        start.result()

    def _new_manager(self) -> Any:
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.RCVHWM, _MESSAGES_HELD)
        context.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)  # the kernel may not listen yet
        settings: dict[str, Any] = {"kernel_name": self._name, "context": context}
        if self.is_python:
            settings |= {"transport": "ipc", "ip": str(self._folder / "k")}
        connection_file = str(self._folder / "connection.json")
        manager = AsyncKernelManager(connection_file=connection_file, log=self._log, **settings)
        if self._imports is not None and "kernel_provisioner" not in manager.kernel_spec.metadata:
            manager.kernel_spec.metadata["kernel_provisioner"] = provisioner(self._imports)
        return manager

    async def _until_ready(self) -> None:
        self.client = self.manager.client(context=self.manager.context)
        self.client.log = self._log
        self.client.start_channels(stdin=False, hb=False, control=False)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            self.client.kernel_info()
            if await self._answered(self.client.shell_channel, 1.0):
                # Outputs are lost until the kernel knows of our subscription to them.
                if await self._answered(self.client.iopub_channel, 0.2):
                    return
            elif not await self._is_alive():
                break
        raise self.death()

    async def _answered(self, channel: Any, timeout_s: float) -> bool:
        message = asyncio.ensure_future(channel.get_msg(timeout=timeout_s))
        death = asyncio.ensure_future(self.until_dead())
        await asyncio.wait({message, death}, return_when=asyncio.FIRST_COMPLETED)
        await cancel(death)
        if not message.done():
            await cancel(message)
            return False
        try:
            content = message.result()["content"]
        except Empty:
            return False
        if "language_info" in content:
            self.info = content
        return True

    async def _is_alive(self) -> bool:
        if self.manager is None or not self.manager.has_kernel:
            return False
        self.exit_code = await self.manager.provisioner.poll()
        return self.exit_code is None

    def _used(self) -> dict[str, float]:
        import psutil

        pid = getattr(self.manager.provisioner, "pid", None)
        try:
            return _usage_of(psutil.Process(pid)) if pid else {}
        except psutil.Error:
            return {}

    async def _left(self) -> bool:
        """Have IPython's loop end, and return whether the process did.

        A request to shut down is answered by a thread that the process then waits for, while
        the thread waits for output that has been closed: about one exit in ten hangs so.
        """
        self.client.execute(_LEAVE, silent=True, store_history=False)
        return await self._is_gone_within(_LEAVE_S)

    async def _is_gone_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.until_dead(), seconds)
        except TimeoutError:
            return False
        return True

    async def _discard(self) -> None:
        """End the process and the client, and what they hold."""
        self._kill_group()
        if self.manager is None:
            return
        if self._group is None and await self._is_alive():  # a provisioner that runs it elsewhere
            await self.manager.shutdown_kernel(now=True)
        await self._is_gone_within(_KILL_S)  # a process may hang in the system, beyond reach
        try:
            if self.client is not None:
                self.client.stop_channels()
            await self.manager.cleanup_resources()
        finally:  # if it were left to Python's collector, that might wait for its sockets for ever
            self.manager.context.destroy(linger=0)
        self._group = self.client = self.manager = None


async def cancel(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def signal_name(number: int) -> str:
    """Return the name of a signal, such as ``SIGKILL``."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def _usage_of(process: psutil.Process) -> dict[str, float]:
    times, peak = process.cpu_times(), process.memory_info().rss
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{process.pid}/status").read_text()
        if found := re.search(r"VmHWM:\s*(\d+) kB", status):  # one that has ended has none
            peak = max(peak, 1024 * int(found[1]))
    cpu_s = times.user + times.system + times.children_user + times.children_system
    return {"cpu_s": round(cpu_s, 3), "memory_mib": round(peak / 2**20, 1)}


def _outputs(file: IO[bytes]) -> dict[str, Any]:
    return {"stdout": file, "stderr": file}
