"""The forked child: turns into a kernel that nobody can tell from one started the ordinary way."""

from __future__ import annotations

import atexit
import ctypes
import gc
import io
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

from nbexp.warm.parent import Launch

_PR_SET_PDEATHSIG = 1
_MESSAGES_HELD = 100_000
_LIBC = ctypes.CDLL(None, use_errno=True)


def become_kernel(
    launch: Launch, set_by_imports: Mapping[str, str], own: Mapping[str, SimpleNamespace]
) -> None:
    """Run a kernel, and end the process with it.

    Args:
        launch: What was asked for.
        set_by_imports: What modules have set in the environment when they were imported.
        own: What stands for the modules that a kernel imports itself, by their names.
    """
    parent = os.getppid()
    os.setsid()
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    _reset_signals()
    _take_files(launch)
    _take_place(launch)
    for name, value in set_by_imports.items():
        os.environ.setdefault(name, value)
    _seed()
    code = 0
    try:
        _run(launch, own)
    except SystemExit as end:
        code = _exit_code(end)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    _leave(code)


def _reset_signals() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _take_files(launch: Launch) -> None:
    """Put the client's standard files in their places, and close all others."""
    for target, number in enumerate(launch.files):
        os.dup2(number, target)
    kept = launch.connection.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdin = sys.__stdin__ = _stream(sys.stdin, 0)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _stream(sys.stdout, 1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(sys.stderr, 2)  # type: ignore[misc]


def _stream(like: Any, number: int) -> io.TextIOWrapper:
    """Return a standard stream as Python opens it."""
    mode = "r" if number == 0 else "w"
    binary: Any = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 - it stays open
    stream = io.TextIOWrapper(binary, like.encoding, like.errors)
    if number > 0:
        by_line = like.line_buffering if number == 2 else os.isatty(number)
        stream.reconfigure(line_buffering=by_line, write_through=like.write_through)
    return stream


def _take_place(launch: Launch) -> None:
    """Take on the environment, the folder, the limits and the command line of the client."""
    os.umask(launch.umask)
    os.sched_setaffinity(0, launch.processors)
    for number, limits in launch.limits.items():
        resource.setrlimit(int(number), limits)
    os.chdir(launch.folder)
    os.environ.clear()
    os.environ.update(launch.environment)
    sys.argv[:] = [_file(launch.arguments[0]), *launch.arguments[1:]]


def _file(module: str) -> str:
    """Return the file that ``python -m`` runs for a module."""
    spec = find_spec(module)
    if spec is not None and spec.submodule_search_locations:
        spec = find_spec(f"{module}.__main__")
    return str(spec and spec.origin)


def _seed() -> None:
    """Give numpy's and torch's generators states of their own; Python's has got one."""
    if (random := sys.modules.get("numpy.random")) is not None:
        random.seed()
    if (torch := sys.modules.get("torch")) is not None:
        torch.default_generator.seed()


def _run(launch: Launch, own: Mapping[str, SimpleNamespace]) -> None:
    from ipykernel import ipkernel
    from ipykernel.kernelapp import IPKernelApp

    # IPython reads it from the environment when it is imported, which was before.
    client = int(launch.environment.get("JPY_PARENT_PID") or 0)
    app = IPKernelApp.instance(parent_handle=client)
    app.init_iopub = _holding(app.init_iopub)
    # A kernel hides the modules that are there from its debugger, which are its own elsewhere.
    # To look at all of the parent's would cost a copy of the memory that each lies in, too.
    vars(ipkernel)["sys"] = SimpleNamespace(**{**vars(sys), "modules": own})
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
