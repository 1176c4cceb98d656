"""Processes that never outlive the one that started them, even one that was killed with SIGKILL.

A worker holds one end of a pipe, a tiny process the other. The worker writes ``+GROUP FOLDER``
for a kernel and its folder, and ``-FOLDER`` when both are gone. When the pipe closes, for whatever
reason, the tiny process kills the process groups that are left, and whatever still has a file open
in one of the folders, and removes the folders. A driver guards its local Ray so too.

This file is also that process's program, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

TYPE_CHECKING = False  # typing itself takes a third of the program's start
if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

OWNER = "owner.lock"  # in a private folder; locked by its owner, and open where others look
_NO_GROUP = 0


class Guard:
    """The worker's side; the process starts with the first folder, and again if it is lost."""

    def __init__(self) -> None:
        self._groups: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, folder: Path, group: int = _NO_GROUP) -> None:
        """Guard a folder, and a process group that goes with it.

        If this process ends before `forget`, the group is killed, and on Linux all processes
        that have a file open in the folder; then the folder is removed.

        Args:
            folder: The folder.
            group: Number of the process group, once there is one.
        """
        self._groups[str(folder)] = group
        self._tell(f"+{group} {folder}")

    def renew(self) -> None:
        """Start the watching process again if it is lost."""
        if self._groups and (self._process is None or self._process.poll() is not None):
            self._start()

    def forget(self, folder: Path) -> None:
        """Let go of a folder that is gone."""
        if self._groups.pop(str(folder), None) is not None:
            self._tell(f"-{folder}")

    def close(self) -> None:
        """End the watching process, and with it all that was not forgotten."""
        self._groups.clear()
        self._end()

    def _tell(self, line: str) -> None:
        if self._process is None or self._process.poll() is not None:
            self._start()
            return
        try:
            self._send(line)
        except BrokenPipeError:
            self._start()

    def _start(self) -> None:
        import subprocess

        self._end()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal must not reach it
        )
        for folder, group in self._groups.items():
            self._send(f"+{group} {folder}")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()

    def _send(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()


def kill_group(group: int) -> None:
    """Kill a process group; one that is gone is no error."""
    if group != _NO_GROUP:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def main() -> None:
    """Wait until the other end is gone, then kill and remove what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent = os.getppid()  # it may close the pipe and live on, with files of its own open
    groups: dict[str, int] = {}
    for line in sys.stdin:
        text = line[1:].rstrip("\n")
        if line.startswith("-"):
            groups.pop(text, None)
            continue
        group, _, folder = text.partition(" ")
        groups[folder] = int(group)
    for group in groups.values():
        kill_group(group)
    for folder in groups:
        remove(folder, spare=parent)


def remove(folder: str, *, spare: int) -> None:
    """Remove a folder, and kill the processes that have a file open there, all but one."""
    import shutil  # it takes longer to import than all the rest
    import time

    for _ in range(20):  # what was killed may take a moment to be gone, and to start no more
        for process in set(_users(folder)) - {spare}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):  # noqa: PTH110 - pathlib takes long to import too
            return
        time.sleep(0.1)


def _users(folder: str) -> list[int]:
    """Return the processes that have a file open in a folder, as far as the system tells."""
    found = []
    processes = os.listdir("/proc") if os.path.isdir("/proc") else []  # noqa: PTH112, PTH208
    for name in filter(str.isdigit, processes):
        with contextlib.suppress(OSError):
            files = f"/proc/{name}/fd"
            targets = (_target(f"{files}/{n}") for n in os.listdir(files))  # noqa: PTH208
            if any(_is_in_use(target, folder) for target in targets):
                found.append(int(name))
    return found


def _is_in_use(target: str, folder: str) -> bool:
    return f"{target}/".startswith(f"{folder}/") and target != f"{folder}/{OWNER}"


def _target(link: str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(link)  # noqa: PTH115
    return ""


if __name__ == "__main__":
    main()
