"""Requests to a run that goes on, from any process: lines appended to its control file.

Each is answered by an event of the run, so that whoever asked can tell what came of it.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nbexp.files import append_line, to_json
from nbexp.lines import JsonLinesFile
from nbexp.runs.events import EventKind
from nbexp.runs.folder import RunFolder

_LOOK_S = 0.05
_MOST = 10_000  # samples in one request
_DEPTH = 32  # of tables in tables
_SHOWN = 80


@dataclass(frozen=True)
class Request:
    """Something that a run is asked to do.

    Attributes:
        request: ``stop``, ``add``, ``pause`` or ``continue``.
        variant: Name of the variant to stop; None for the whole run.
        stage: Name of the stage to add variants to.
        samples: How many draws or suggestions to add for each grid point.
        params: Values for parameters of the variants to add, by name.
        id: By which the answer is found.
    """

    request: str
    variant: str | None = None
    stage: str | None = None
    samples: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        is_done: Whether it was done.
        message: What was done, or why not.
    """

    is_done: bool
    message: str


@dataclass(frozen=True)
class Malformed:
    """A line that was meant as a request and is none.

    Attributes:
        id: By which the answer is found, as it came.
        reason: What was expected, and what came.
    """

    id: Any
    reason: str


def send(folder: RunFolder, request: Request) -> int:
    """Lay a request before a run; return where in its file of events the answer may begin."""
    size = folder.events.stat().st_size if folder.events.exists() else 0
    append_line(folder.control, asdict(request))
    return size


def request_stop(folder: RunFolder, variant: str | None = None) -> None:
    """Ask a run to stop, or to stop one variant."""
    send(folder, Request("stop", variant))


def await_reply(
    folder: RunFolder, request: Request, timeout_s: float, since: int = 0
) -> Reply | None:
    """Return a run's answer to a request; None where it gave none in time, or has ended.

    Args:
        folder: The run's folder.
        request: The request.
        timeout_s: How long to wait.
        since: What `send` returned: no event before that is read.
    """
    deadline, events = time.monotonic() + timeout_s, JsonLinesFile(folder.events, since)
    while True:
        is_alive = folder.is_alive()
        for event in _tables(events):
            if event.get("event") == EventKind.REPLIED.value and event["id"] == request.id:
                return Reply(event["is_done"], event["message"])
        if not is_alive or time.monotonic() > deadline:
            return None
        time.sleep(_LOOK_S)


class ControlFile:
    """Reads the requests that have come since the last look.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._lines = JsonLinesFile(folder.control)

    def take(self) -> list[Request | Malformed]:
        """Return the new requests; a line that is no table is left out."""
        return [_read(record) for record in _tables(self._lines)]


def _tables(lines: JsonLinesFile) -> list[dict[str, Any]]:
    """Return the new tables of a file; none while it can't be read."""
    try:
        return [record for record in lines.take() if isinstance(record, dict)]
    except OSError:
        return []


def _read(record: Mapping[str, Any]) -> Request | Malformed:
    """Return what a line asks for, or what is wrong with it: anyone may have written it."""
    known = {key: record[key] for key in Request.__dataclass_fields__ if key in record}
    known = {key: value for key, value in known.items() if value is not None}
    if not _is_writable(known):
        reason = "expected text that UTF-8 can hold, and tables in tables"
        return Malformed("", f"{reason} {_DEPTH} deep at most; something else came")
    for key, value in {"request": None, **known}.items():
        is_fit, expected = _EXPECTED[key]
        if not is_fit(value):
            came = to_json(value)
            came = came if len(came) <= _SHOWN else f"{came[:_SHOWN]}…"
            return Malformed(known.get("id", ""), f"{key}: expected {expected}; came {came}")
    return Request(**known)


def _is_writable(value: Any) -> bool:
    """Whether events and records can hold a value."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # half of a character; thousands of tables in tables
        return False
    return not _is_deeper(value, _DEPTH)


def _is_deeper(value: Any, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper(each, depth - 1) for each in inner)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


_EXPECTED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "request": (_is_text, "what to do, as text"),
    "variant": (_is_text, "the name of a variant, or null"),
    "stage": (_is_text, "the name of a stage, or null"),
    "samples": (_is_count, f"a whole number from 1 to {_MOST}, or null"),
    "params": (_is_table, "a table of values by parameter, or null"),
    "id": (_is_text, "text that the answer is to carry, or null"),
}
