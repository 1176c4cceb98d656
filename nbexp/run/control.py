"""Requests to a run that goes on, from any process: lines appended to its control file.

Each is answered by an event of the run, so that whoever asked can tell what came of it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nbexp.files import append_line, read_lines
from nbexp.run.events import EventKind
from nbexp.run.folder import RunFolder

_LOOK_S = 0.05


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


def send(folder: RunFolder, request: Request) -> None:
    """Lay a request before a run."""
    append_line(folder.control, asdict(request))


def request_stop(folder: RunFolder, variant: str | None = None) -> None:
    """Ask a run to stop, or to stop one variant."""
    send(folder, Request("stop", variant))


def await_reply(folder: RunFolder, request: Request, timeout_s: float) -> Reply | None:
    """Return a run's answer to a request; None where it gave none in time, or has ended."""
    deadline = time.monotonic() + timeout_s
    while True:
        is_alive = folder.is_alive()
        for event in folder.read_events():
            if event.kind is EventKind.REPLIED and event.data["id"] == request.id:
                return Reply(event.data["is_done"], event.data["message"])
        if not is_alive or time.monotonic() > deadline:
            return None
        time.sleep(_LOOK_S)


class ControlFile:
    """Reads the requests that have come since the last look.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.control
        self._size = 0
        self._seen = 0

    def take(self) -> list[Request]:
        """Return the new requests; what is none is left out."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if size == self._size:
            return []
        records = list(read_lines(self._path))
        fresh = [record for record in records[self._seen :] if isinstance(record, dict)]
        self._size, self._seen = size, len(records)
        known = Request.__dataclass_fields__.keys()
        return [
            Request(**{key: value for key, value in record.items() if key in known})
            for record in fresh
            if "request" in record
        ]
