"""The forked child: turns into a kernel that nobody can tell from one started the ordinary way."""

from __future__ import annotations

import atexit
import ctypes
import functools
import gc
import os
import resource
import signal
import sys
import threading
from _io import _IOBase  # io.IOBase asks objects for their class, which may run code of theirs
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

from nbexp.warm.fork_server import KernelLaunch
from nbexp.warm.placeholders import Placeholders
from nbexp.warm.traces import Traces

_PR_SET_PDEATHSIG = 1
_MESSAGES_HELD = 100_000
KERNEL_MODULE = "ipykernel_launcher"  # which kernels are usually started by
_LIBC = ctypes.CDLL(None, use_errno=True)


def become_kernel(
    launch: KernelLaunch,
    set_by_imports: Mapping[str, tuple[str | None, str | None]],
    own: Mapping[str, SimpleNamespace],
    placeholders: Placeholders,
    traces: Traces,
) -> None:
    """Run a kernel, and end the process with it.

    Args:
        launch: What was asked for.
        set_by_imports: What modules have set in the environment when they were imported: each
            variable's value before, and after.
        own: What stands for the modules that a kernel imports itself, by their names.
        placeholders: What stood for a kernel when others were imported.
        traces: What those keep of the parent.
    """
    parent = os.getppid()
    os.setsid()
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    _reset_signals()
    _take_files(launch)
    _take_place(launch)
    _set_environment(launch, set_by_imports)
    traces.renew()
    code = 0
    try:
        _run(launch, own, placeholders, traces)
    except SystemExit as end:
        code = _exit_code(end)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    _leave(code)


def _set_environment(
    launch: KernelLaunch, set_by_imports: Mapping[str, tuple[str | None, str | None]]
) -> None:
    for name, (before, after) in set_by_imports.items():
        if launch.environment.get(name) != before:
            continue  # the client has set it
        if after is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = after


def _reset_signals() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _take_files(launch: KernelLaunch) -> None:
    """Put the client's standard files in their places, and close all others."""
    for target, number in enumerate(launch.files):
        os.dup2(number, target)
    kept = launch.connection.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    for number, stream in enumerate((sys.__stdin__, sys.__stdout__, sys.__stderr__)):
        _reopen(stream, number)


def _reopen(stream: Any, number: int) -> None:
    """Make a standard stream anew as Python does; whoever has kept it, has the new one."""
    mode = "r" if number == 0 else "w"
    buffering = -1 if hasattr(stream.buffer, "raw") else 0
    binary: Any = open(number, f"{mode}b", buffering, closefd=False)  # noqa: SIM115 - it stays open
    getattr(binary, "raw", binary).name = f"<{('stdin', 'stdout', 'stderr')[number]}>"
    by_line = stream.line_buffering if number == 2 else number == 1 and os.isatty(number)
    stream.__init__(binary, stream.encoding, stream.errors, None, by_line, stream.write_through)
    stream.mode = mode


def _take_place(launch: KernelLaunch) -> None:
    """Take on the environment, the folder, the limits and the command line of the client."""
    os.umask(launch.umask)
    os.sched_setaffinity(0, launch.processors)
    for number, limits in launch.limits.items():
        resource.setrlimit(int(number), limits)
    os.chdir(launch.folder)
    os.environ.clear()
    os.environ.update(launch.environment)
    module, *arguments = launch.arguments
    sys.argv[:] = [file_of(module), *arguments]
    sys.orig_argv[sys.orig_argv.index("-m") :] = ["-m", module, *arguments]


@functools.cache
def file_of(module: str) -> str:
    """Return the file that ``python -m`` runs for a module; a child knows it from its parent."""
    spec = find_spec(module)
    if spec is not None and spec.submodule_search_locations:
        spec = find_spec(f"{module}.__main__")
    return str(spec and spec.origin)


def _run(
    launch: KernelLaunch,
    own: Mapping[str, SimpleNamespace],
    placeholders: Placeholders,
    traces: Traces,
) -> None:
    from ipykernel import ipkernel
    from ipykernel.kernelapp import IPKernelApp

    # A kernel hides the modules that are there from its debugger, which are its own elsewhere.
    # To look at all of the parent's would cost a copy of the memory that each lies in, too.
    vars(ipkernel)["sys"] = SimpleNamespace(**{**vars(sys), "modules": own})
    with placeholders.made_real(), traces.put_off():
        # IPython reads it from the environment when it is imported, which was before.
        app = IPKernelApp.instance(parent_handle=int(launch.environment.get("JPY_PARENT_PID") or 0))
        app.init_iopub = _holding(app.init_iopub)
        app.initialize(launch.arguments[1:])
    vars(ipkernel)["sys"] = sys
    launch.connection.sendall(b'{"ready": true}\n')
    launch.connection.close()
    gc.enable()
    app.start()


def _holding(init_iopub: Callable[[Any], None]) -> Callable[[Any], None]:
    """Have more messages held for clients than ZeroMQ's 1,000, so that no output is dropped."""
    import zmq

    def init(context: Any) -> None:
        context.sockopts[zmq.SNDHWM] = _MESSAGES_HELD  # for the sockets to come
        init_iopub(context)
        del context.sockopts[zmq.SNDHWM]

    return init


def _exit_code(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    print(end.code, file=sys.stderr)
    return 1


def _leave(code: int) -> None:
    """End as Python does, but do not take every imported module apart."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for each in gc.get_objects():  # only those since the fork; the others are frozen
        if issubclass(type(each), _IOBase) and not each.closed:
            try:
                each.flush()
            except (OSError, ValueError):
                continue
    os._exit(code)
