"""How a run stands, in one small file that any program can read while it goes on."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Mapping
from typing import Any

from nbexp.runs.events import Event, EventKind
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory
from nbexp.states import State

_OVER = {state.value for state in (State.FINISHED, State.FAILED, State.STOPPED)}
_EVERY_S = 1.0
_SHARE = 0.02  # of the time, at most, that a run of many variants spends on it


def status_of(history: RunHistory, *, is_complete: bool) -> dict[str, Any]:
    """Return the content of ``status.json``.

    Args:
        history: What is known of the run.
        is_complete: Whether the run has ended and all of it has been tracked.
    """
    going_on = "paused" if history.is_paused else "running"
    return {
        "run": history.id,
        "pipeline": history.pipeline,
        "state": history.state.value if history.state else going_on,
        "is_complete": is_complete,
        "started": history.started,
        "ended": history.ended,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "variants": {name: variant.state for name, variant in history.variants.items()},
    }


def is_over(status: Mapping[str, Any]) -> bool:
    """Whether a run has ended, by what its ``status.json`` holds."""
    return status.get("state") in _OVER


class StatusFile:
    """Keeps ``status.json`` up to date, at most once a second; less often where that takes long.

    Args:
        folder: The run's folder.
        history: What is known of the run; told of each event before this.
    """

    def __init__(self, folder: RunFolder, history: RunHistory) -> None:
        self._folder = folder
        self._history = history
        self._written = -math.inf
        self._took_s = 0.0
        self._is_behind = False

    def notify(self, event: Event) -> None:
        """Write the status, unless that was done just now."""
        self._is_behind = True
        if event.kind is EventKind.RUN_ENDED:
            self._written = -math.inf
        self.catch_up()

    def catch_up(self) -> None:
        """Write the status if something happened since, unless that was done just now."""
        every_s = max(_EVERY_S, self._took_s / _SHARE)
        if self._is_behind and time.monotonic() - self._written >= every_s:
            with contextlib.suppress(OSError):  # a disk that is full now may not be so later
                self.write(is_complete=False)

    def write(self, *, is_complete: bool) -> None:
        """Write the status now."""
        began = time.monotonic()
        self._folder.write_status(status_of(self._history, is_complete=is_complete))
        self._written = time.monotonic()
        self._took_s = self._written - began
        self._is_behind = False
