"""One thread that writes snapshots, one at a time, and the account of what they cost."""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
import warnings
from collections.abc import Callable

from nbexp.errors import CheckpointError

_AT_EXIT_S = 2.0  # a kernel has 2.5 s to end
# The share of a loop's time that snapshots may take: the first usually, the second where more
# than so many seconds of work would be lost otherwise.
_SHARE = 1 / 60
_MOST = 1 / 20
_AT_RISK_S = 20.0
_INNER = 2 / 3  # of it for inner loops: the rest is for the snapshots that they start from
_FIRST_S = 0.005  # what the first snapshot is thought to cost, before any was taken
_FIRST_S_PER_BYTE = 1 / 250e6


class Writer:
    """Runs one job at a time on a thread of its own."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._job: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being written."""
        return self._job is None

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job once the one before has ended."""
        with self._condition:
            self._condition.wait_for(lambda: self._job is None)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="nbexp-snapshots", daemon=True
                )
                self._thread.start()
                atexit.register(self.flush, _AT_EXIT_S)
            self._job = job
            self._condition.notify_all()

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until the job has ended; return whether it did in time."""
        with self._condition:
            return self._condition.wait_for(lambda: self._job is None, timeout_s)

    def _work(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._job is not None)
                job = self._job
            try:
                if job is not None:
                    job()
            except (OSError, CheckpointError) as error:
                self._warn(error)
            finally:
                with self._condition:
                    self._job = None
                    self._condition.notify_all()

    def _warn(self, error: Exception) -> None:
        with contextlib.suppress(Warning):  # a filter may make an error of it: not in this thread
            warnings.warn(f"nbexp: a snapshot could not be written: {error}", stacklevel=2)


class Budget:
    """What snapshots have cost, and whether another one may be taken.

    The cost is the time for which the loop stood still to copy, and the CPU time of the writing
    thread, since the loop may have needed that core.

    Attributes:
        spent_s: Cost of the snapshots so far.
    """

    def __init__(self) -> None:
        self.spent_s = 0.0
        self._began = self._last = time.monotonic()
        self._cost: tuple[float, int] | None = None  # of the last snapshot, and its size

    def allows(self, size: int, *, is_inner: bool = False) -> bool:
        """Return whether a snapshot of about so many bytes may be taken now."""
        now = time.monotonic()
        share = _MOST if now - self._last > _AT_RISK_S else _SHARE
        share *= _INNER if is_inner else 1
        return self.spent_s + self._predicted_s(size) <= share * (now - self._began)

    def took(self, cost_s: float, size: int) -> None:
        """Add the cost of a snapshot."""
        self.spent_s += cost_s
        self._cost = (cost_s, size)
        self._last = time.monotonic()

    def _predicted_s(self, size: int) -> float:
        if self._cost is None:
            return _FIRST_S + size * _FIRST_S_PER_BYTE
        cost_s, before = self._cost
        return cost_s * max(1.0, size / max(before, 1))
