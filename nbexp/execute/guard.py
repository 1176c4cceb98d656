"""Kernels that never outlive their worker, even one that was killed with SIGKILL.

The worker holds one end of a pipe, a tiny process the other. The worker writes ``+PGID FOLDER``
when it starts a kernel and ``-PGID`` when the kernel is gone. When the pipe closes, for whatever
reason, the tiny process kills the groups that are left, and removes their folders.

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


class Guard:
    """The worker's side; the process starts with the first kernel, and again if it is lost."""

    def __init__(self) -> None:
        self._groups: dict[int, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, group: int, folder: Path) -> None:
        """Kill a process group and remove a folder if this process ends before `forget`."""
        self._groups[group] = str(folder)
        self._tell(f"+{group} {folder}")

    def forget(self, group: int) -> None:
        """Let go of a process group that is gone."""
        if self._groups.pop(group, None) is not None:
            self._tell(f"-{group}")

    def close(self) -> None:
        """End the watching process, and with it all groups that were not forgotten."""
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
        for group, folder in self._groups.items():
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
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def main() -> None:
    """Wait until the worker is gone, then kill and remove what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, str] = {}
    for line in sys.stdin:
        group, _, folder = line[1:].rstrip("\n").partition(" ")
        if line.startswith("+"):
            groups[int(group)] = folder
        else:
            groups.pop(int(group), None)
    for group in groups:
        kill_group(group)
    _remove([folder for folder in groups.values() if folder])


def _remove(folders: list[str]) -> None:
    if not folders:
        return
    import shutil  # it takes longer to import than all the rest

    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
