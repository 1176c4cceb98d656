"""The snapshots of a variant: found, written whole or not at all, checked, thinned out.

Each is a folder ``snapshots/NUMBER-LOOP-INDEX`` with ``snapshot.json``, which says where in the
notebook's loops it was taken, and ``data.*``, what it holds (as `nbexp.artifacts.write_tree` keeps
nested data). It never changes once it has its name.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from nbexp.files import read_json, write_json
from nbexp.records import fits

SNAPSHOTS = "snapshots"
_DESCRIPTION = "snapshot.json"
_VERSION = 1
_NUMBERED = re.compile(r"[0-9]{8}-")
_CHUNK_BYTES = 1 << 20


class Moment(StrEnum):
    """When a snapshot was taken."""

    START = "start"  # of an iteration
    DONE = "done"  # after the last one


@dataclass(frozen=True)
class Place:
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


Places = tuple[Place, ...]  # from the outermost loop to the innermost


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
            places=tuple(Place(**place) for place in record["places"]),
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


class Store:
    """The whole snapshots in a variant's folder, in the notebook's order.

    Args:
        parent: The folder ``snapshots``, which need not exist.
    """

    def __init__(self, parent: Path) -> None:
        self.parent = parent
        self.snapshots: list[Snapshot] = []
        children = sorted(parent.iterdir()) if parent.is_dir() else []
        for child in children:
            if child.name.startswith("."):  # of a process that was killed while it wrote
                shutil.rmtree(child, ignore_errors=True)
                continue
            with contextlib.suppress(DamagedError):
                self.add(read(child))
        # What is damaged keeps its name, and so its number.
        numbers = [int(child.name[:8]) for child in children if _NUMBERED.match(child.name)]
        self._last = max((*numbers, *(each.number for each in self.snapshots)), default=0)

    def next_number(self) -> int:
        """Return the number of a snapshot that is about to be taken."""
        self._last += 1
        return self._last

    def add(self, snapshot: Snapshot) -> None:
        """Take in a snapshot that was written."""
        self.snapshots.append(snapshot)
        self.snapshots.sort(key=lambda each: (each.position, each.number))

    def remove(self, snapshot: Snapshot) -> None:
        """Delete a snapshot."""
        if snapshot in self.snapshots:
            self.snapshots.remove(snapshot)
        shutil.rmtree(snapshot.folder, ignore_errors=True)

    def within(self, around: Places, order: int) -> list[Snapshot]:
        """Return the snapshots taken in a loop or in loops inside of it, the newest first.

        Args:
            around: Where the loops around it stand.
            order: Which of the loops there it is.
        """
        depth = len(around)
        found = [
            each
            for each in self.snapshots
            if len(each.places) > depth
            and each.places[:depth] == around
            and each.places[depth].order == order
        ]
        starts = [each for each in found if each.moment is Moment.START]
        return (starts or found)[::-1]

    def at(self, places: Places) -> Snapshot | None:
        """Return the snapshot taken at the start of just this iteration, if there is one."""
        found = (e for e in self.snapshots if e.places == places and e.moment is Moment.START)
        return next(found, None)

    def thin(self, most_bytes: int) -> None:
        """Delete snapshots until the others are small enough; those that a resume needs stay.

        Of two neighbours the one goes that leaves the smaller gap for its age, so that those left
        lie ever further apart the older they are.
        """
        needed = {each.number for each in _needed(self, ())}
        spare = [each for each in self.snapshots if each.number not in needed]
        total = sum(each.size for each in self.snapshots)
        while total > most_bytes and spare:
            victim = min(spare, key=self._loss)
            spare.remove(victim)
            total -= victim.size
            self.remove(victim)

    def _loss(self, snapshot: Snapshot) -> float:
        numbers = sorted(each.number for each in self.snapshots)
        place = numbers.index(snapshot.number)
        before = numbers[place - 1] if place else 0
        after = numbers[min(place + 1, len(numbers) - 1)]
        return (after - before) / (self._last + 1 - snapshot.number)


def _needed(store: Store, around: Places) -> Iterator[Snapshot]:
    """Yield the snapshots that a resume goes through, and one in reserve where it goes furthest."""
    depth = len(around)
    inside = [e for e in store.snapshots if len(e.places) > depth and e.places[:depth] == around]
    for order in sorted({each.places[depth].order for each in inside}):
        within = store.within(around, order)
        exact = [each for each in within if len(each.places) == depth + 1]
        yield from exact[:2]
        here = [each.places[depth] for each in within]
        # A loop that keeps nothing itself is gone through from its first iteration.
        through = {here[0]} if here[0].keeps else set(here)
        for place in through:
            base = store.at((*around, place))
            if base is not None:
                yield base
            yield from _needed(store, (*around, place))
