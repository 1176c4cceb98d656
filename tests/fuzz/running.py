"""Runs cases under limits of time and memory, each in a folder of its own."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import shutil
import signal
import tempfile
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType

from fuzz._base import FaultError, Kind

_WALL_S = 120.0  # for what waits, also on a machine that is busy
_UNSTOPPABLE_S = 150.0
_MOST_MIB = 2048  # that one case may take


class TookTooLongError(BaseException):
    """A case ran or waited too long; nothing that it runs may catch this."""


@dataclass(frozen=True)
class Finding:
    """A case that failed.

    Attributes:
        kind: Name of its kind.
        seed: Its seed.
        what: What the case was.
        fault: What went wrong.
    """

    kind: str
    seed: int
    what: str
    fault: str

    def __str__(self) -> str:
        again = f'make fuzz ARGS="--kind {self.kind} --seed {self.seed} --cases 1"'
        return f"{self.kind} {self.seed}: {self.what}\n{self.fault.rstrip()}\nAgain by: {again}\n"


def run_case(name: str, kind: Kind, seed: int) -> Finding | None:
    """Run the case of a seed; return what it found, if anything."""
    what = "it can't be made"
    before = Path.cwd()
    folder = Path(tempfile.mkdtemp(prefix="case-", dir=kind.material.parent))
    os.chdir(folder)
    _forget_peak()
    start_mib = _peak_mib()
    try:
        case = kind.make(Random(f"{name} {seed}"), folder)
        what = case.what
        with _watched(name, seed, what), _limited(kind.cpu_s):
            case.check()
        took_mib = _peak_mib() - start_mib
        fault = f"it took {took_mib} MiB" if took_mib > _MOST_MIB else ""
    except FaultError as error:
        fault = str(error) or "no text"
    except (Exception, TookTooLongError):
        fault = traceback.format_exc()
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)
    return Finding(name, seed, what, fault) if fault else None


@contextlib.contextmanager
def _watched(name: str, seed: int, what: str) -> Iterator[None]:
    """End this process where no signal ends a case, as in a library's own code that waits."""

    def end() -> None:
        faulthandler.dump_traceback()
        print(Finding(name, seed, what, "it can't be stopped; its traceback is above"), flush=True)
        os._exit(1)

    timer = threading.Timer(_UNSTOPPABLE_S, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextlib.contextmanager
def _limited(cpu_s: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        spent = f"{cpu_s} s of processor time" if number == signal.SIGPROF else f"{_WALL_S} s"
        raise TookTooLongError(f"it took more than {spent}")

    timers = ((signal.SIGPROF, signal.ITIMER_PROF, cpu_s),
              (signal.SIGALRM, signal.ITIMER_REAL, _WALL_S))  # fmt: skip
    for number, timer, seconds in timers:
        signal.signal(number, stop)
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for _, timer, _ in timers:
            signal.setitimer(timer, 0)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mib() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return 0
