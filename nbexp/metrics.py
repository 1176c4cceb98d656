"""What a variant logged: an append-only file of JSON lines, one for each call of `nbexp.log`.

The file is written by the kernel before the call returns, so that nothing is lost with a kernel;
whoever follows a variant while it runs reads along. A line is a table of ``time`` (seconds since
1970), ``step``, ``values`` (numbers by name) and ``rich`` (by name, tables with a ``kind``:
``text`` with its ``text``, ``image`` with its ``file`` in the variant's folder, ``histogram``
with its ``edges`` and ``counts``). A variant that goes on from a snapshot logs some steps again:
what it logs under a name and step that were there before is left out by readers. A line with
``return`` says that it took over another one's snapshot of that step: what follows is new.

What the notebook told MLflow is there too, with ``tracked``: ``below`` for numbers in a run below
the variant's, ``variant`` for those in its own. Of a name that `nbexp.log` reports, only that
counts.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from nbexp.lines import JsonLinesFile
from nbexp.records import check

_RETURN = "return"
_LARGEST = 2**34  # bytes of a file that is read, in parts


class Tracked(StrEnum):
    """Where MLflow has a number already when it is written into the file."""

    NOWHERE = ""  # `nbexp.log` reported it
    VARIANT = "variant"  # the notebook logged it into the variant's own run
    BELOW = "below"  # the notebook logged it into a run below that


@dataclass(frozen=True)
class Entry:
    """What one call logged.

    Attributes:
        time: Seconds since 1970.
        step: The step, such as an epoch.
        values: Numbers, by name.
        rich: Texts, images and histograms, by name; each a table with its ``kind``.
        tracked: Where MLflow has it already, since the notebook told it.
    """

    time: float
    step: int
    values: Mapping[str, float]
    rich: Mapping[str, Mapping[str, Any]]
    tracked: Tracked = Tracked.NOWHERE

    def to_record(self) -> dict[str, Any]:
        """Return the entry as a line of the file."""
        record: dict[str, Any] = {"time": self.time, "step": self.step}
        record |= {"values": dict(self.values)} if self.values else {}
        record |= {"rich": dict(self.rich)} if self.rich else {}
        return record | ({"tracked": self.tracked.value} if self.tracked else {})

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Entry:
        """Return the entry that a line holds.

        Raises:
            ValueError: It holds none.
        """
        check(record, EntryRecord)
        values, rich = record.get("values", {}), record.get("rich", {})
        tracked = Tracked(record.get("tracked", ""))
        return cls(record["time"], record["step"], values, rich, tracked)


@dataclass(frozen=True)
class EntryRecord:
    """The types of an entry's record."""

    step: int
    time: float = 0.0
    values: Mapping[str, float] = field(default_factory=dict)
    rich: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tracked: str = ""


@dataclass(frozen=True)
class Reported:
    """A number that was logged again and again, in short.

    Attributes:
        last: The value with the highest step.
        step: That step.
        least: The smallest value; NaN counts only where there is nothing else.
        most: The largest value.
        count: How many steps have a value.
    """

    last: float
    step: int
    least: float
    most: float
    count: int


class Tail:
    """Reads the entries of a file as they are appended.

    Args:
        path: The file; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._file = JsonLinesFile(path, most=_LARGEST)
        self._seen: set[tuple[str, int, bool]] = set()

    def take(self) -> list[Entry]:
        """Return the entries since the last call, without what was logged before."""
        return [entry for entry in self.follow() if isinstance(entry, Entry)]

    def follow(self) -> Iterator[Entry | int]:
        """Yield the entries since the last call, and the step of each return among them."""
        for each in self._lines():
            if isinstance(each, int):
                self._seen = {seen for seen in self._seen if seen[1] <= each}
                yield each
            elif (fresh := self._fresh(each)).values or fresh.rich:
                yield fresh

    def _lines(self) -> Iterator[Entry | int]:
        with contextlib.suppress(OSError):
            for record in self._file.take():
                with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                    is_return = _RETURN in record
                    yield int(record[_RETURN]) if is_return else Entry.from_record(record)

    def _fresh(self, entry: Entry) -> Entry:
        values = {name: v for name, v in entry.values.items() if self._is_new(name, entry)}
        rich = {name: v for name, v in entry.rich.items() if self._is_new(name, entry)}
        if len(values) == len(entry.values) and len(rich) == len(entry.rich):
            return entry
        return replace(entry, values=values, rich=rich)

    def _is_new(self, name: str, entry: Entry) -> bool:
        point = (name, entry.step, bool(entry.tracked))
        is_new = point not in self._seen
        self._seen.add(point)
        return is_new


def mark_return(step: int) -> dict[str, Any]:
    """Return the line which says that a variant goes on after another one's step."""
    return {_RETURN: step}


def read_metrics(path: Path) -> list[Entry]:
    """Return the entries of a file that count, once each; none if there is no file."""
    return _counted(Tail(path).take())


def read_lineage(path: Path) -> list[Entry]:
    """Return the entries of a file that led to where the variant came.

    What it had logged after a step at which it took over another one's snapshot is left out.
    """
    lineage: list[Entry] = []
    for each in Tail(path).follow():
        if isinstance(each, int):
            lineage = [entry for entry in lineage if entry.step <= each]
        else:
            lineage.append(each)
    return _counted(lineage)


def _counted(entries: list[Entry]) -> list[Entry]:
    """Leave out what MLflow was told under names that `nbexp.log` reports."""
    if not any(entry.tracked for entry in entries):
        return entries
    reported = {name for entry in entries if not entry.tracked for name in entry.values}
    counted = [
        replace(entry, values={n: v for n, v in entry.values.items() if n not in reported})
        if entry.tracked
        else entry
        for entry in entries
    ]
    return [entry for entry in counted if entry.values or entry.rich]


def summary(entries: Iterable[Entry]) -> dict[str, Reported]:
    """Return in short what was logged as numbers, by name."""
    found: dict[str, Reported] = {}
    for entry in entries:
        for name, value in entry.values.items():
            found[name] = _with(found.get(name), float(value), entry.step)
    return found


def _with(so_far: Reported | None, value: float, step: int) -> Reported:
    if so_far is None:
        return Reported(value, step, value, value, 1)
    is_later = step >= so_far.step
    return Reported(
        last=value if is_later else so_far.last,
        step=max(step, so_far.step),
        least=_least(so_far.least, value),
        most=-_least(-so_far.most, -value),
        count=so_far.count + 1,
    )


def _least(a: float, b: float) -> float:
    return b if math.isnan(a) or b < a else a
