"""Processes that never outlive the one that started them, even one that was killed with SIGKILL.

A worker holds one end of a pipe, a tiny process the other. The worker writes ``+TARGET FOLDER``
when it starts a kernel and ``-TARGET`` when the kernel is gone; a target is what kill(2) takes,
a process or minus a process group. When the pipe closes, for whatever reason, the tiny process
kills the targets that are left, and removes their folders. A driver guards its local Ray so too.

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
        self._targets: dict[int, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The watching process, once it has started."""
        return self._process.pid if self._process else None

    def watch(self, target: int, folder: Path) -> None:
        """Kill a target and remove a folder if this process ends before `forget`.

        Args:
            target: A process, or minus a process group.
            folder: What to remove.
        """
        if target not in self._targets:
            self._targets[target] = str(folder)
            self._tell(f"+{target} {folder}")

    def forget(self, target: int) -> None:
        """Let go of a target that is gone."""
        if self._targets.pop(target, None) is not None:
            self._tell(f"-{target}")

    def close(self) -> None:
        """End the watching process, and with it all targets that were not forgotten."""
        self._targets.clear()
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
        for target, folder in self._targets.items():
            self._send(f"+{target} {folder}")

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


def kill(target: int) -> None:
    """Kill a process, or minus a process group; one that is gone is no error."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(target, signal.SIGKILL)


def main() -> None:
    """Wait until the other end is gone, then kill and remove what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    targets: dict[int, str] = {}
    for line in sys.stdin:
        target, _, folder = line[1:].rstrip("\n").partition(" ")
        if line.startswith("+"):
            targets[int(target)] = folder
        else:
            targets.pop(int(target), None)
    for left in targets:
        kill(left)
    _remove(set(targets.values()))


def _remove(folders: set[str]) -> None:
    if not folders:
        return
    import shutil  # it takes longer to import than all the rest
    import time

    for folder in folders:
        for _ in range(10):  # what was killed may take a moment to be gone
            shutil.rmtree(folder, ignore_errors=True)
            if not os.path.exists(folder):  # noqa: PTH110 - pathlib takes long to import too
                break
            time.sleep(0.1)


if __name__ == "__main__":
    main()
