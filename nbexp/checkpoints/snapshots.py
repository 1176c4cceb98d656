"""One snapshot of a variant: written whole or not at all, read, checked.

Each is a folder ``snapshots/NUMBER-LOOP-INDEX`` with ``snapshot.json``, which says where in the
notebook's loops it was taken, and ``data.*``, what it holds (as `nbexp.artifacts.write_tree` keeps
nested data). It never changes once it has its name.
"""

from __future__ import annotations

import re
import secrets
import shutil
import time
import zlib
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from nbexp.files import read_json, write_json
from nbexp.records import fits

_DESCRIPTION = "snapshot.json"
_VERSION = 1
_CHUNK_BYTES = 1 << 20


class Moment(StrEnum):
    """When a snapshot was taken."""

    START = "start"  # of an iteration
    DONE = "done"  # after the last one


@dataclass(frozen=True)
class LoopPlace:
    """Where one of the nested loops stands.

    Attributes:
        loop: Its name.
        order: How many loops came before it in the same iteration of the loop around it.
        index: Index of its iteration.
        keeps: Whether it takes snapshots itself.
    """

    loop: str
    order: int
    index: int
    keeps: bool


Places = tuple[LoopPlace, ...]  # from the outermost loop to the innermost


@dataclass(frozen=True)
class Snapshot:
    """What is known of a snapshot without reading its data.

    Attributes:
        folder: Where it lies, or will.
        number: Counts a variant's snapshots.
        moment: When in the iteration it was taken.
        places: Where the loops stood.
        variant: Name of the variant that took it.
        is_alone: Whether the loops around have no snapshot to start from.
        size: Bytes.
        step: The highest step that had been logged, or -1.
    """

    folder: Path
    number: int
    moment: Moment
    places: Places
    variant: str
    is_alone: bool = False
    size: int = 0
    step: int = -1

    @property
    def position(self) -> tuple[int, ...]:
        """When it was taken, in the notebook's own time; sorts as that does."""
        return position(self.places)


class DamagedError(Exception):
    """A snapshot is not whole."""


def position(places: Places) -> tuple[int, ...]:
    """Return a tuple that sorts places as the notebook comes to them."""
    return tuple(number for place in places for number in (place.order, place.index))


def folder_name(number: int, places: Places, moment: Moment) -> str:
    """Return the name of a snapshot's folder; sorts by number."""
    loop = re.sub(r"[^A-Za-z0-9_-]+", "_", places[-1].loop)[:40]
    end = "-done" if moment is Moment.DONE else ""
    return f"{number:08}-{loop}-{places[-1].index}{end}"


def write(snapshot: Snapshot, content: Any) -> int:
    """Write a snapshot, and return its size in bytes.

    Raises:
        OSError: It can't be written.
    """
    from nbexp import artifacts

    parent = snapshot.folder.parent
    beside = parent / f".{snapshot.folder.name}.{secrets.token_hex(4)}"
    beside.mkdir(parents=True)
    try:
        artifacts.write_tree(content, beside)
        sums = {path.name: _checksum(path) for path in sorted(beside.iterdir())}
        size = sum(size for size, _ in sums.values())
        record = {
            "version": _VERSION,
            "number": snapshot.number,
            "moment": snapshot.moment.value,
            "places": [asdict(place) for place in snapshot.places],
            "variant": snapshot.variant,
            "is_alone": snapshot.is_alone,
            "step": snapshot.step,
            "objects": {name: kept["kind"] for name, kept in content["objects"].items()},
            "size": size,
            "time": time.time(),
            "files": sums,
        }
        write_json(beside / _DESCRIPTION, record, is_checked=True)
        beside.rename(snapshot.folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return size


def read(folder: Path) -> Snapshot:
    """Return what is known of a snapshot.

    Raises:
        DamagedError: There is none, or not a whole one.
    """
    record = _record(folder)
    try:
        return Snapshot(
            folder=folder,
            number=int(record["number"]),
            moment=Moment(record["moment"]),
            places=tuple(LoopPlace(**place) for place in record["places"]),
            variant=str(record["variant"]),
            is_alone=bool(record["is_alone"]),
            size=int(record["size"]),
            step=int(record["step"]),
        )
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedError(f"{folder / _DESCRIPTION}: {error!r}") from error


def content_of(snapshot: Snapshot) -> Any:
    """Return what a snapshot holds.

    Raises:
        DamagedError: It is not whole.
    """
    from nbexp import artifacts

    folder = snapshot.folder
    record = _record(folder)
    if "files" not in record or not fits(record["files"], dict[str, list[int]]):
        raise DamagedError(f"{folder / _DESCRIPTION} doesn't tell of its files")
    for name, expected in record["files"].items():
        path = folder / name
        if not path.is_file() or _checksum(path) != tuple(expected):
            raise DamagedError(f"{path} is not what was written")
    try:
        return artifacts.read_tree(folder)
    except Exception as error:  # whatever the libraries raise on a file that makes no sense
        raise DamagedError(f"{folder}: {error!r}") from error


def _record(folder: Path) -> dict[str, Any]:
    try:
        record = read_json(folder / _DESCRIPTION)
    except (OSError, ValueError) as error:
        raise DamagedError(f"{folder / _DESCRIPTION}: {error}") from error
    if not isinstance(record, dict) or record.get("version") != _VERSION:
        raise DamagedError(f"{folder / _DESCRIPTION} is of another version of nbexp")
    return record


def _checksum(path: Path) -> tuple[int, int]:
    """Return the size and the CRC-32 of a file."""
    size = check = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            size, check = size + len(chunk), zlib.crc32(chunk, check)
    return size, check
