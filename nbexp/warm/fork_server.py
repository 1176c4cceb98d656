"""The fork server: a single-threaded process that imports, and then forks a kernel on request.

It is the warm parent of the kernels. Clients connect to its Unix socket; a connection stands for a
kernel, or holds the parent alive. A client sends one line of JSON with three files (standard input,
output and error), and is sent lines: ``{"pid": …}`` once the kernel is forked, or ``{"refused":
…}`` with the reason why it must not be, ``{"ready": true}`` by the kernel itself once it listens,
and ``{"exit": …}`` when it has ended, which is the last. When a client closes its connection, or
dies, its kernel is killed. When the last connection is closed, the parent ends after a while, and
at once where there are many. If the parent itself is killed, the system kills its kernels.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

_REQUEST_S = 5.0  # for a client to send its request
_FIRST_S = 10.0  # for the first client to come
_LOOK_S = 1.0  # between looks at how many parents there are
_PARENTS = 4  # that may stay without a client, since each has all that it imported in memory
_FILES = 3  # standard input, output and error


@dataclass
class KernelLaunch:
    """A request for a kernel, as the forked child gets it.

    Attributes:
        arguments: The kernel's own command line, the interpreter's part left out.
        folder: Its working folder.
        environment: All of its environment.
        umask: Its mask of file modes.
        processors: The processors that it may run on.
        limits: Its limits of resources, by number: soft and hard.
        connection: Where it says that it is ready.
        files: Its standard input, output and error.
    """

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    umask: int
    processors: list[int]
    limits: dict[str, tuple[int, int]]
    connection: socket.socket
    files: list[int]


class Freshness(Protocol):
    """Tells whether what was imported is still what is installed."""

    def is_current(self) -> bool:
        """Whether it is."""


@dataclass(eq=False)
class _Connection:
    socket: socket.socket
    linger_s: float
    child: int | None = None
    has_ended: bool = False

    def tell(self, **message: Any) -> None:
        with contextlib.suppress(OSError):  # the client may be gone
            self.socket.sendall(json.dumps(message).encode() + b"\n")


class ForkServer:
    """The loop: takes requests, forks, and tells how children end.

    Args:
        path: Path of the socket.
        listener: What listens there.
        freshness: Asked before each fork.
        refusal: Tells why a kernel of some folder and environment must not be forked, or nothing.
    """

    def __init__(
        self,
        path: Path,
        listener: socket.socket,
        freshness: Freshness,
        refusal: Callable[[str, Mapping[str, str]], str] = lambda *_: "",
    ) -> None:
        self._path = path
        self._listener = listener
        self._freshness = freshness
        self._refusal = refusal
        self._connections: set[_Connection] = set()
        self._killed: set[int] = set()
        self._is_open = True
        self._linger_s = _FIRST_S
        self._wakes, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for end in (self._listener, self._wakes, self._woken):
            end.setblocking(False)
        for end in (self._listener, self._wakes):
            self._selector.register(end, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken.fileno(), warn_on_full_buffer=False)

    def serve(self) -> KernelLaunch | None:
        """Serve until nobody is left, and return None; in a forked child, return its request."""
        while self._connections or not self._may_end():
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    if (launch := self._accept()) is not None:
                        return launch
                elif key.fileobj is self._wakes:
                    self._take_ends()
                elif key.data in self._connections:
                    self._drop(key.data)
        return None

    def _may_end(self) -> bool:
        """Whether nobody came for a while; then nobody can any more."""
        if not self._is_open:
            return True
        until = time.monotonic() + self._linger_s
        while True:
            left = until - time.monotonic()
            if self._selector.select(max(0.0, min(left, _LOOK_S))):
                return False
            with locked(self._path.parent):
                if left <= 0 or _count(self._path.parent) > _PARENTS:
                    if self._selector.select(0):
                        return False
                    self._close()
                    return True

    def _close(self) -> None:
        self._selector.unregister(self._listener)
        self._listener.close()
        self._path.unlink(missing_ok=True)
        self._is_open = False

    def _accept(self) -> KernelLaunch | None:
        """Take a request in; return it in the child that is forked for it."""
        try:
            accepted, _ = self._listener.accept()
        except BlockingIOError:
            return None
        files: list[int] = []
        launch = connection = None
        try:
            accepted.settimeout(_REQUEST_S)
            request = json.loads(_read_line(accepted, files))
            connection = _Connection(accepted, float(request.pop("linger_s")))
            launch = self._answer(connection, request, files)
        except (OSError, ValueError, KeyError, TypeError):
            accepted.close()  # nothing that a client sends may end the parent
            self._connections -= {connection}  # or have it wait for ever
        finally:
            if launch is None:
                for number in files:
                    os.close(number)
        return launch

    def _answer(
        self, connection: _Connection, request: dict[str, Any], files: list[int]
    ) -> KernelLaunch | None:
        if not self._freshness.is_current():
            with locked(self._path.parent):
                self._close()
            connection.socket.close()  # the client starts another parent
            return None
        self._connections.add(connection)
        if request.pop("hold", False):
            self._watch(connection)
            return None
        if reason := self._refusal(request["folder"], request["environment"]):
            self._watch(connection)
            connection.tell(refused=reason)
            return None
        launch = KernelLaunch(**request, connection=connection.socket, files=files)
        child = os.fork()
        if child == 0:
            self._release(connection)
            return launch
        connection.child = child
        connection.tell(pid=child)
        self._watch(connection)
        return None

    def _watch(self, connection: _Connection) -> None:
        connection.socket.setblocking(False)
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)

    def _release(self, own: _Connection) -> None:
        """Let go, in the child, of all that is the parent's."""
        signal.set_wakeup_fd(-1)
        ends = [self._listener, self._wakes, self._woken]
        for end in [*ends, *(each.socket for each in self._connections - {own})]:
            with contextlib.suppress(OSError):
                end.close()
        self._selector.close()
        self._connections.clear()

    def _take_ends(self) -> None:
        """Tell which children have ended; they keep their numbers until their clients let go."""
        with contextlib.suppress(BlockingIOError):
            while self._wakes.recv(4096):
                pass
        for connection in self._connections:
            child = connection.child
            if child is None or connection.has_ended:
                continue
            ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                connection.has_ended = True
                code = ended.si_status
                connection.tell(exit=code if ended.si_code == os.CLD_EXITED else -code)
                with contextlib.suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_WR)
        self._killed = {child for child in self._killed if not _is_reaped(child)}

    def _drop(self, connection: _Connection) -> None:
        """End what belongs to a connection that its client has closed."""
        self._selector.unregister(connection.socket)
        connection.socket.close()
        self._connections.discard(connection)
        self._linger_s = connection.linger_s
        child = connection.child
        if child is None:
            return
        if not connection.has_ended:
            for kill in (os.killpg, os.kill):  # it may not have a group of its own yet
                with contextlib.suppress(ProcessLookupError):
                    kill(child, signal.SIGKILL)
        if not _is_reaped(child):
            self._killed.add(child)


def _is_reaped(child: int) -> bool:
    return os.waitpid(child, os.WNOHANG)[0] == child


def _count(folder: Path) -> int:
    """Count the parents whose sockets lie in a folder; of one that was killed, the file is left."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return len({line.partition(f" {folder}{os.sep}")[2] for line in lines} - {""})


def _read_line(connection: socket.socket, files: list[int]) -> bytes:
    """Return a client's request; the files that come with it are added to a list."""
    text = b""
    while not text.endswith(b"\n"):
        data, received, _, _ = socket.recv_fds(connection, 1 << 16, _FILES)
        files += received
        if not data:
            raise ConnectionResetError
        text += data
    return text


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others from starting or ending a parent whose socket lies in a folder."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
