"""What the hook wrote down, read back: lines of events, as `hook` describes them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Event = tuple[float, list[Any]]  # with its time

_ODD = re.compile(r"/(\.|/|$)")  # what a plain path doesn't have


def observe_lines(file: Path, start: int = 0) -> list[bytes]:
    """Return the lines that the hook has written into a file; none where it isn't there.

    Args:
        file: The file.
        start: Number of bytes that are passed over.
    """
    try:
        with file.open("rb") as stream:
            stream.seek(start)
            return [line for line in stream if line.endswith(b"\n")]
    except OSError:
        return []


def read_events(lines: Iterable[bytes]) -> Iterator[Event]:
    """Yield events with whole paths, and the times of them, or of those before that have one."""
    for line in lines:
        folder, at = "", 0.0
        try:
            events = json.loads(line)
        except ValueError:  # it was cut off
            continue
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
