"""A kernel in this process: IPython's own, for notebooks that are looked into with a debugger."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, cast

from ipykernel.inprocess.ipkernel import InProcessKernel
from ipykernel.iostream import OutStream
from traitlets import Any as AnyTrait
from traitlets import default
from traitlets.config import Config

from nbexp.call_variables import set_environment
from nbexp.execute.kernel import KernelDiedError, cancel
from nbexp.execute.specs import check_inline_kernel
from nbexp.execute.surroundings import ENDING, Modules, Surroundings, begin_anew
from nbexp.masks import Mask, MaskedStream
from nbexp.notebook import hooks
from nbexp.notebook import session as sessions

_INLINE_PLOTS = "module://matplotlib_inline.backend_inline"
_QUIET_DEBUGPY = "PYDEVD_DISABLE_FILE_VALIDATION"  # keeps it from warning of Python's own modules
_CODE = ("IPython.core.interactiveshell",)
_PROMPTS = ("bdb", "cmd", "pdb", "IPython.core.debugger", "IPython.terminal.debugger")


class InlineKernel:
    """A kernel for one execution, with what `Kernel` offers the engine.

    Args:
        name: Its name.
        project: Folders of the user's modules, which each notebook imports anew.
        between: Called before each cell; whether that may run.
        mask: Hides secrets in what the terminal shows.
        interrupted: Called at Ctrl-C while a notebook runs, before its cell is interrupted.

    Raises:
        UsageError: There is no kernel of that name, or it runs elsewhere than in this Python.
    """

    def __init__(
        self,
        name: str,
        *,
        project: tuple[Path, ...],
        mask: Mask,
        between: Callable[[], bool],
        interrupted: Callable[[], None],
    ) -> None:
        check_inline_kernel(name)
        self.is_python = self.is_ipykernel = True
        self.info: dict[str, Any] = {}
        self.manager: Any = None
        self.client: Any = None
        self.reports = "inline"  # not a socket: `nbexp.notebook.channel` knows who answers here
        self.launched = 0.0
        self.usage: dict[str, float] = {}
        self._project = project
        self._mask = mask
        self._between = between
        self._interrupted = interrupted
        self._kernel: Any = None
        self._before: Surroundings | None = None
        self._modules: Modules | None = None
        self._dead: asyncio.Event = asyncio.Event()
        self._is_executing = False

    async def start(self, *, folder: Path, environment: Mapping[str, str]) -> None:
        """Take over this process: its environment, folder, path, modules and streams."""
        self._before = Surroundings.now()
        self._modules = Modules((*self._project, folder))
        set_environment({**environment, "MPLBACKEND": environment.get("MPLBACKEND", _INLINE_PLOTS)})
        os.chdir(folder)
        paths = [each for each in environment.get("PYTHONPATH", "").split(os.pathsep) if each]
        sys.path[:] = ["", *paths, *(each for each in sys.path if each not in ("", *paths))]
        sys.argv = ["ipykernel_launcher.py"]
        self.launched = time.monotonic()
        begin_anew()
        sessions.reset()
        self._start_kernel()
        self._catch_interrupts()
        self.info = self._kernel.kernel_info

    async def until_dead(self) -> None:
        """Return once it was killed: by itself it does not end."""
        await self._dead.wait()

    async def interrupt(self) -> None:
        """Give up a cell that awaits something; one that computes does not let this be called."""
        if self._is_executing:
            self.client.cancel()
            self.kill()

    def kill(self) -> None:
        """Wait for what runs no longer."""
        self._dead.set()

    async def end(self, _grace_s: float) -> None:
        """Give the process back what it had."""
        if self._kernel is not None:
            await self.client.close()
            hooks.end_open_runs()
            hooks.uninstall()
            sessions.reset()
            await _close(self._kernel)
        if self._modules is not None:
            self._modules.forget()
        if self._before is not None:
            loop = asyncio.get_running_loop()
            self._before.restore()
            asyncio._set_running_loop(loop)
        self._kernel = self._modules = self._before = None

    def output(self) -> str:
        """Return what was written past the messages: that went to the terminal."""
        return ""

    def death(self) -> KernelDiedError:
        """Return the error of a cell that did not end when it was asked to."""
        return KernelDiedError(None, "", started=bool(self.info))

    def _start_kernel(self) -> None:
        settings = Config()
        settings.HistoryManager.enabled = False
        for each in Surroundings.now().shells:
            each._instance = None  # of whoever runs this: IPython has one in a process
        self._kernel = _new_kernel(settings, self._mask)
        self._kernel.answer = _asking_terminal(sys.stdin, sys.stdout)
        self.client = _InlineClient(self._kernel, self._around)
        _set_backend(self._kernel.shell)

    @contextlib.contextmanager
    def _around(self) -> Iterator[None]:
        """Be around the execution of a cell."""
        if not self._between():
            self.kill()
            raise asyncio.CancelledError
        self._is_executing = True
        try:
            yield
        finally:
            self._is_executing = False

    def _catch_interrupts(self) -> None:
        """Have Ctrl-C, and what else ends a run, end the cell, beside what it does to the run."""
        if threading.current_thread() is not threading.main_thread():
            return
        outer = {number: signal.getsignal(number) for number in ENDING}

        def end(number: int, frame: FrameType | None) -> None:
            handler = outer[signal.Signals(number)]
            if number == signal.SIGINT and _runs(frame, "cmdloop", _PROMPTS):
                raise KeyboardInterrupt  # as it does to what is typed at a debugger's prompt
            if callable(handler) and handler is not signal.default_int_handler:
                handler(number, frame)
            self._interrupted()
            if _runs(frame, "run_code", _CODE):  # else it awaits something, which is cancelled
                raise KeyboardInterrupt

        for number, handler in outer.items():
            if callable(handler):
                signal.signal(number, end)


class _Kernel(InProcessKernel):
    """IPython's kernel in a process, whose messages are handed on."""

    _supports_kernel_subshells = False
    session: Any
    mask: Any = AnyTrait()
    deliver: Any = AnyTrait()
    answer: Any = AnyTrait()

    @default("stdout")
    def _echoing_stdout(self) -> OutStream:
        return self._echoing("stdout")

    @default("stderr")
    def _echoing_stderr(self) -> OutStream:
        return self._echoing("stderr")

    def _echoing(self, name: str) -> OutStream:
        """Return a stream of which the terminal shows what goes into the notebook."""
        thread, echo, make = self.iopub_thread, _Terminal(self.mask), cast(Any, OutStream)
        return cast(OutStream, make(self.session, thread, name, echo=echo, watchfd=False))

    def _io_dispatch(self, _change: Any) -> None:
        _, message = self.session.recv(self._underlying_iopub_socket, copy=False)
        if self.deliver is not None:
            self.deliver(message)

    def raw_input(self, prompt: str = "") -> str:
        """Ask the user in the terminal."""
        sys.stdout.flush()
        text: str = self.answer(self._sys_raw_input, prompt)
        return text

    def getpass(self, prompt: str = "", *_: Any, **__: Any) -> str:
        """Ask the user in the terminal, unseen."""
        sys.stdout.flush()
        text: str = self._save_getpass(prompt)
        return text

    def pre_handler_hook(self) -> None:
        """Leave Ctrl-C to `InlineKernel`."""

    def post_handler_hook(self) -> None:
        """Leave Ctrl-C to `InlineKernel`."""


class _Terminal:
    """The user's terminal, where secrets are masked as in files."""

    def __init__(self, mask: Mask) -> None:
        self._stream = MaskedStream(mask)

    def read(self) -> str:
        """Return nothing: ipykernel asks for this of what it writes to."""
        return ""

    def write(self, text: str) -> None:
        """Write what can't be the beginning of a secret."""
        if sys.__stderr__ is not None:
            sys.__stderr__.write(self._stream.feed(text))

    def flush(self) -> None:
        """Show what was written."""
        if sys.__stderr__ is not None:
            sys.__stderr__.flush()


class _InlineClient:
    """What the engine asks of a kernel's client: requests are met one after another."""

    def __init__(self, kernel: _Kernel, around: Callable[[], Any]) -> None:
        loop = asyncio.get_running_loop()
        self.session = kernel.session
        self.shell_channel = _Channel(self._send)
        self.iopub_channel = _Channel(self._send)
        self._kernel = kernel
        self._around = around
        self._requests: asyncio.Queue[Any] = asyncio.Queue()

        def deliver(message: Any) -> None:  # in a thread of the kernel's
            with contextlib.suppress(RuntimeError):  # the loop is closed: the notebook has ended
                loop.call_soon_threadsafe(self.iopub_channel.put, message)

        kernel.deliver = deliver
        self._serving = asyncio.create_task(self._serve())

    def execute(
        self,
        code: str,
        *,
        silent: bool = False,
        store_history: bool = True,
        stop_on_error: bool = True,
    ) -> str:
        """Have code executed soon; return the id of the request."""
        content = {
            "code": code,
            "silent": silent,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": stop_on_error,
        }
        message = self.session.msg("execute_request", content)
        self._send(message)
        return str(message["header"]["msg_id"])

    def cancel(self) -> None:
        """Cancel what is awaited."""
        self._serving.cancel()

    async def close(self) -> None:
        """Meet no further request."""
        await cancel(self._serving)

    def _send(self, message: Any) -> None:
        self._requests.put_nowait(message)

    async def _serve(self) -> None:
        stream = self._kernel.shell_stream
        while True:
            message = await self._requests.get()
            self.session.send(stream, message)
            for output in (self._kernel.stdout, self._kernel.stderr):
                output.set_parent(message)  # ipykernel asks `sys`, whose streams are others yet
            silent = message["content"].get("silent", True)
            with contextlib.nullcontext() if silent else self._around():
                await self._kernel.dispatch_shell(stream.queue.get_nowait())
            if not stream.queue.empty():  # comms have no reply
                _, reply = self.session.recv(stream, copy=False)
                self.shell_channel.put(reply)


class _Channel:
    def __init__(self, send: Callable[[Any], None]) -> None:
        self.send = send
        self._messages: asyncio.Queue[Any] = asyncio.Queue()

    def put(self, message: Any) -> None:
        self._messages.put_nowait(message)

    async def get_msg(self, timeout: float | None = None) -> Any:
        return await asyncio.wait_for(self._messages.get(), timeout)


def _new_kernel(settings: Config, mask: Mask) -> Any:
    """Return a kernel that no front-end debugs."""
    stops = sys.breakpointhook
    os.environ[_QUIET_DEBUGPY] = "1"  # which is imported all the same
    from ipykernel import debugger

    del os.environ[_QUIET_DEBUGPY]
    sys.breakpointhook = stops
    make: Any = _Kernel
    available, debugger._is_debugpy_available = debugger._is_debugpy_available, False
    try:
        kernel = make(config=settings, mask=mask)
    finally:
        debugger._is_debugpy_available = available
    kernel.shell_channel_thread = SimpleNamespace(parent_thread=None)  # asked by awaiting cells
    kernel.io_loop = SimpleNamespace(call_later=lambda *_: None, stop=None)  # stopped by exit()
    return kernel


def _set_backend(shell: Any) -> None:
    """Have matplotlib draw for a new shell as its import does, where it is imported already."""
    if (matplotlib := sys.modules.get("matplotlib")) is None:
        return
    backend = os.environ["MPLBACKEND"]
    if backend not in ("inline", _INLINE_PLOTS):
        matplotlib.use(backend)
        return
    from IPython.core.pylabtools import select_figure_formats
    from matplotlib_inline.config import InlineBackend

    InlineBackend.clear_instance()
    shell.enable_matplotlib("inline")
    plots = InlineBackend.instance()
    select_figure_formats(shell, plots.figure_formats, **plots.print_figure_kwargs)


def _asking_terminal(stdin: Any, stdout: Any) -> Callable[[Callable[[str], str], str], str]:
    """Return what reads a line from the streams that the process itself has."""

    def ask(original: Callable[[str], str], prompt: str) -> str:
        captured = sys.stdin, sys.stdout
        sys.stdin, sys.stdout = stdin, stdout
        try:
            return original(str(prompt))
        finally:
            sys.stdin, sys.stdout = captured

    return ask


def _runs(frame: FrameType | None, function: str, modules: tuple[str, ...]) -> bool:
    """Whether a function of some modules has been called and has not returned."""
    while frame is not None:
        if frame.f_code.co_name == function and frame.f_globals.get("__name__") in modules:
            return True
        frame = frame.f_back
    return False


async def _close(kernel: Any) -> None:
    """End a kernel's thread and streams."""
    for stream in (kernel.stdout, kernel.stderr):
        with contextlib.suppress(Exception):  # what is left of it does no harm
            stream.close()
    kernel.deliver = None
    thread = kernel.iopub_thread
    cleaning = getattr(thread, "_event_pipe_gc_task", None)  # else it is told to be left pending
    if cleaning is not None:
        ended = asyncio.run_coroutine_threadsafe(cancel(cleaning), thread.io_loop.asyncio_loop)
        await asyncio.wrap_future(ended)
        thread._event_pipe_gc_task = None
    thread.stop()
