"""Requests to a run that goes on, from any process: lines appended to its control file."""

from __future__ import annotations

from dataclasses import dataclass

from nbexp.files import append_line, read_lines
from nbexp.run.folder import RunFolder


@dataclass(frozen=True)
class StopRequest:
    """A request to stop.

    Attributes:
        variant: Name of the variant to stop, or None for the whole run.
    """

    variant: str | None


def request_stop(folder: RunFolder, variant: str | None = None) -> None:
    """Ask a run to stop, or to stop one variant."""
    append_line(folder.control, {"request": "stop", "variant": variant})


class ControlFile:
    """Reads the requests that have come since the last look.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.control
        self._size = 0
        self._seen = 0

    def take(self) -> list[StopRequest]:
        """Return the new requests."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if size == self._size:
            return []
        records = list(read_lines(self._path))
        fresh = [record for record in records[self._seen :] if isinstance(record, dict)]
        self._size, self._seen = size, len(records)
        return [StopRequest(r.get("variant")) for r in fresh if r.get("request") == "stop"]
