"""TensorBoard beside a run, where it is installed."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

from nbexp.errors import NbexpError

_ADDRESS = re.compile(r"at (http://\S+)")
_START_S = 60.0
# Its standard input ends with the server, even one that is killed; and it with that.
_MAIN = """
import os, runpy, sys, threading
def end_with_server():
    sys.stdin.read()
    os._exit(0)
threading.Thread(target=end_with_server, daemon=True).start()
runpy.run_module("tensorboard.main", run_name="__main__", alter_sys=True)
"""
_SHOWN = 2_000  # characters of what it said when it failed


def is_installed() -> bool:
    """Whether there is a TensorBoard."""
    return find_spec("tensorboard") is not None


class Boards:
    """The TensorBoards that were asked for, one for each folder; `close` ends them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._boards: dict[Path, tuple[subprocess.Popen[str], str]] = {}

    def address(self, folder: Path) -> str:
        """Return where the TensorBoard of a folder is; start it if need be.

        Raises:
            NbexpError: It did not start.
        """
        with self._lock:
            known = self._boards.get(folder)
            if known is None or known[0].poll() is not None:
                known = self._boards[folder] = _start(folder)
            return known[1]

    def close(self) -> None:
        """End them all."""
        with self._lock:
            for process, _ in self._boards.values():
                _end(process)
            self._boards.clear()


def _start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    command = [
        sys.executable, "-c", _MAIN, "--logdir", str(folder), "--host", "127.0.0.1", "--port", "0",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    )  # fmt: skip
    said: list[str] = []
    found = threading.Event()
    threading.Thread(target=_listen, args=(process, said, found), daemon=True).start()
    found.wait(_START_S)
    match = _ADDRESS.search("".join(said))
    if match is None:
        _end(process)
        raise NbexpError(f"TensorBoard did not start: {''.join(said).strip()[-_SHOWN:]}")
    return process, match[1]


def _listen(process: subprocess.Popen[str], said: list[str], found: threading.Event) -> None:
    """Read what it says until it ends, as it would stand still if nobody did."""
    if process.stdout is None or process.stdin is None:
        return
    with process.stdin, process.stdout as lines:
        for line in lines:
            if not found.is_set():
                said.append(line)
            if _ADDRESS.search(line):
                found.set()
    found.set()


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
