"""What the hook wrote down, read back: lines of events, as `hook` describes them."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from nbexp.lines import GrowingFile

Event = tuple[float, list[Any]]  # with its time

_ODD = re.compile(r"/(\.|/|$)")  # what a plain path doesn't have


def take_events(file: GrowingFile) -> list[Event]:
    """Return what the hook has written into a file since the last call; none if it isn't there."""
    events: list[Event] = []
    with contextlib.suppress(OSError):
        while lines := file.take():
            events += _events(lines)
    return events


def _events(lines: bytes) -> Iterator[Event]:
    """Yield events with whole paths, and the times of them, or of those before that have one."""
    for line in lines.split(b"\n"):
        with contextlib.suppress(ValueError, TypeError, LookupError, AttributeError):  # it was cut
            yield from _events_in(json.loads(line))


def _events_in(events: Any) -> Iterator[Event]:
    folder, at = "", 0.0
    for event in events:
        if event[0] == "cd":
            folder = event[1].rstrip(os.sep)
            continue
        if event[0] in "rwadelg":
            event[1] = _whole(folder, event[1])
            at = event[2]
        elif event[0] == "x":
            event[2] = os.path.join(folder or os.sep, event[2] or "")
        yield at, event


def _whole(folder: str, path: str) -> str:
    """Return a path as `os.path.normpath` gives it; most need no change."""
    whole = path if path.startswith(os.sep) else f"{folder}/{path}"
    return os.path.normpath(whole) if _ODD.search(whole) else whole
