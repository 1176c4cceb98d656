"""How much memory the processes of a run hold while it goes on."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.speed.timing import LOG, PROJECT, check, environment

_INTERVAL_S = 5.0


def watched(command: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Run a command; return what its processes held every few seconds.

    Each sample has the variants that had ended (``ended``) and, for each group of processes, how
    many there were and their proportional set size in MiB, in which memory that processes share
    counts once in all.

    Raises:
        SystemExit: It failed.
    """
    samples = []
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(folder), stdout=log, stderr=subprocess.STDOUT
        )
        counter = _EndCounter(folder)
        while process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                samples.append({"ended": counter.count(), **_groups(process.pid, folder)})
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_INTERVAL_S)
    check(process.returncode, command, folder)
    return samples


class _EndCounter:
    """Counts the variants that have ended, reading each line of the event log once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place = self._count = 0

    def count(self) -> int:
        for file in self._folder.glob("runs/*/events.jsonl"):
            with file.open("rb") as lines:
                lines.seek(self._place)
                text = lines.read().rpartition(b"\n")[0]
            self._place += len(text)
            self._count += text.count(b'"variant_ended"')
        return self._count


def _groups(driver: int, folder: Path) -> dict[str, Any]:
    counts: dict[str, int] = defaultdict(int)
    sizes: dict[str, float] = defaultdict(float)
    for process in _processes(driver, folder):
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            size = process.memory_full_info().pss / 2**20
            group = "driver" if process.pid == driver else _group(process)
            counts[group] += 1
            sizes[group] += size
    return {"time": time.time(), "processes": dict(counts), "mib": dict(sizes)}


def _processes(driver: int, folder: Path) -> set[psutil.Process]:
    """Return the driver, what descends from it, and what it has left to itself."""
    root = psutil.Process(driver)
    found = {root, *root.children(recursive=True)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(PROJECT) == str(folder):
                found.add(process)
    return found


def _group(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    if line.startswith("ray::Worker"):
        return "workers"
    return "kernels" if "ipykernel" in line or "nbexp/warm" in line else "ray"
