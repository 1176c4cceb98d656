"""A client of warm parents: finds the one that it needs, or starts it, and asks it for a kernel."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp.warm.fork_server import locked
from nbexp.warm.watching import in_thread, until_readable

_PROGRAM = Path(__file__).with_name("program.py")
_MODULES = ("ipykernel_launcher", "ipykernel")
_TRIES = 3
_READY_S = 120.0
_HELD = 4
_LONG = 60  # characters, of about 100 that a socket's whole path may have
_LOST = -signal.SIGKILL  # what the system sends to the kernels of a parent that is gone
# What differs from one launch to the next, or from terminal to terminal.
_OWN_TO_A_LAUNCH = (
    "NBEXP_", "JPY_", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_", "MLFLOW_TRACKING_", "RAY_",
    "CUDA_VISIBLE_DEVICES", "PYTEST_", "PYDEVD_", "WINDOWID", "SSH_", "XDG_SESSION_", "DBUS_",
    "OLDPWD",
)  # fmt: skip
_NAMES_OF_ITS_OWN = ("_", "PWD", "SHLVL")
_LIMITS = [number for name, number in vars(resource).items() if name.startswith("RLIMIT_")]


class ForkServerLostError(Exception):
    """No parent can be had."""


@dataclass(frozen=True)
class ForkServerKind:
    """Which parent is needed: kernels of one kind can be forked from the same.

    Attributes:
        python: The interpreter's command line, up to the module that it runs.
        imports: Modules to import beforehand, in order.
        environment: What an import may read.
    """

    python: tuple[str, ...]
    imports: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]

    @classmethod
    def of(
        cls, python: Sequence[str], imports: Sequence[str], environment: Mapping[str, str]
    ) -> ForkServerKind:
        """Return the kind of a kernel.

        Args:
            python: The interpreter's command line, up to the module that it runs.
            imports: Modules to import beforehand, in order.
            environment: The kernel's environment; secrets are named in ``NBEXP_SECRETS``.
        """
        secrets = environment.get("NBEXP_SECRETS", "").split()
        shared = {
            name: value
            for name, value in environment.items()
            if not name.startswith(_OWN_TO_A_LAUNCH) and name not in (*_NAMES_OF_ITS_OWN, *secrets)
        }
        return cls(tuple(python), tuple(imports), tuple(sorted(shared.items())))

    @property
    def key(self) -> str:
        """A name for it."""
        told = json.dumps([self.python, self.imports, self.environment, _PROGRAM.stat().st_mtime])
        return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()[:16]


@dataclass(frozen=True)
class KernelRequest:
    """A kernel to be forked.

    Attributes:
        arguments: Its own command line.
        environment: All of its environment.
        folder: Its working folder.
        files: Its standard input, output and error.
        linger_s: Seconds for which the parent waits for another request after this kernel's end.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    files: tuple[int, ...]
    linger_s: float

    def to_record(self) -> dict[str, Any]:
        """Return what is sent of it; the process takes after this one in all the rest."""
        umask = os.umask(0)
        os.umask(umask)
        return {
            "arguments": self.arguments,
            "environment": dict(self.environment),
            "folder": self.folder,
            "umask": umask,
            "processors": sorted(os.sched_getaffinity(0)),
            "limits": {number: resource.getrlimit(number) for number in _LIMITS},
            "linger_s": self.linger_s,
        }


def interpreter(command: Sequence[str]) -> tuple[str, ...] | None:
    """Return the part of a command line before ``-m ipykernel_launcher``, if it can be forked.

    Only this interpreter's can: of another, it isn't known what is installed.
    """
    if not sys.platform.startswith("linux") or "-m" not in command:
        return None
    at = list(command).index("-m")
    if command[0] != sys.executable or not {*command[at + 1 : at + 2]} & {*_MODULES}:
        return None
    return tuple(command[:at])


def connect(kind: ForkServerKind) -> socket.socket:
    """Return a connection to the parent of a kind, which is started if there is none.

    Raises:
        ForkServerLostError: It can't be started.
    """
    try:
        folder = _folder()
        path = folder / f"{kind.key}.sock"
        with locked(folder):
            return _connected(path) or _start(kind, path)
    except OSError as error:
        raise ForkServerLostError(str(error)) from error


def hold(kind: ForkServerKind) -> socket.socket:
    """Start the parent of a kind, and keep it alive until the connection is closed.

    Raises:
        ForkServerLostError: It can't be started.
    """
    connection = connect(kind)
    _send(connection, {"hold": True, "linger_s": 0.0}, [])
    return connection


class Holds:
    """Keeps the parents alive that were used last, between one kernel and the next."""

    def __init__(self) -> None:
        self._held: dict[str, socket.socket] = {}

    def keep(self, kind: ForkServerKind) -> None:
        """Hold a parent, and let go of the one that was used the longest time ago."""
        key = kind.key
        held = self._held.pop(key, None)
        if held is not None and not _is_open(held):
            held.close()
            held = None
        with contextlib.suppress(ForkServerLostError):
            self._held[key] = held or hold(kind)
        while len(self._held) > _HELD:
            self._held.pop(next(iter(self._held))).close()

    def close(self) -> None:
        """Let go of all."""
        for connection in self._held.values():
            connection.close()
        self._held.clear()


def _is_open(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True
    except OSError:
        return False


def _folder() -> Path:
    """Return the folder of this user's sockets."""
    parent = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(parent) if parent and len(parent) < _LONG else Path("/tmp")
    folder /= f"nbexp-warm-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or folder.is_symlink():
        raise OSError(f"{folder} is open to others")
    return folder


def _connected(path: Path) -> socket.socket | None:
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(str(path))
    except OSError:
        client.close()
        path.unlink(missing_ok=True)  # one that was killed may have left it
        return None
    return client


def _start(kind: ForkServerKind, path: Path) -> socket.socket:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(128)
        number = listener.fileno()
        settings = {"path": str(path), "listener": number, "imports": kind.imports}
        subprocess.run(  # what it starts goes on by itself
            [*kind.python, str(_PROGRAM), json.dumps(settings)],
            env=dict(kind.environment),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(number,),
            check=False,
        )
    connection = _connected(path)
    if connection is None:
        raise ForkServerLostError("it ended at once")
    return connection


class WarmProcess:
    """A kernel that was forked from a warm parent, with the interface of `subprocess.Popen`.

    Attributes:
        pid: Its number, and that of its process group.
        returncode: How it ended, as `subprocess.Popen` gives it; None until that is known.
        is_ready: Whether it listens.
        refusal: Why the parent must not fork it.
        launched: Time (`time.monotonic`) since which it exists.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.returncode: int | None = None
        self.pid = 0
        self.launched = 0.0
        self.is_ready = False
        self.refusal = ""
        self._connection = connection
        self._text = b""

    def poll(self) -> int | None:
        """Return how it ended, or None while it runs."""
        while self.returncode is None:
            try:
                data = self._connection.recv(4096)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            self._take(data)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Return how it ended, which is known already."""
        code = self.poll()
        self.close()
        return 0 if code is None else code

    def close(self) -> None:
        """Let go of it; if it still runs, it is killed."""
        with contextlib.suppress(OSError):  # the other end may have gone first
            self._connection.shutdown(socket.SHUT_RDWR)  # a process forked meanwhile has it too
        self._connection.close()

    async def until_ready(self) -> None:
        """Wait until it listens, or has ended."""
        while self.poll() is None and not self.is_ready:
            await until_readable(self._connection.fileno())

    async def until_ended(self) -> None:
        """Wait until it has ended."""
        while self.poll() is None:
            await until_readable(self._connection.fileno())

    def _take(self, data: bytes) -> None:
        *lines, self._text = (self._text + data).split(b"\n")
        for message in map(json.loads, lines):
            if "pid" in message:
                self.pid, self.launched = message["pid"], time.monotonic()
            self.is_ready = message.get("ready", self.is_ready)
            self.refusal = message.get("refused", self.refusal)
            self.returncode = message.get("exit", self.returncode)
        if not data and self.returncode is None:
            self.returncode = _LOST


async def launch(kind: ForkServerKind, request: KernelRequest) -> WarmProcess:
    """Have a kernel forked, and return it once it listens, or has ended.

    Raises:
        ForkServerLostError: No parent can be had, or it can't fork.
    """
    for _ in range(_TRIES):
        connection = await in_thread(lambda: connect(kind))
        try:
            _send(connection, request.to_record(), request.files)
        except OSError:
            connection.close()
            continue
        process = WarmProcess(connection)
        try:
            await asyncio.wait_for(process.until_ready(), _READY_S)
        except BaseException as error:  # also where it is no longer wanted
            process.close()
            if isinstance(error, TimeoutError):
                raise ForkServerLostError(f"it is silent for {_READY_S:g} s") from error
            raise
        if process.pid:
            return process
        process.close()
        if process.refusal:
            raise ForkServerLostError(process.refusal)
        # That parent was about to end.
    raise ForkServerLostError("it ends again and again")


def _send(connection: socket.socket, request: Mapping[str, Any], files: Sequence[int]) -> None:
    text = json.dumps(request).encode() + b"\n"
    sent = socket.send_fds(connection, [text], files) if files else 0
    connection.sendall(text[sent:])
