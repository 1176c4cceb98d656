"""A failed variant as a message: the cell, the lines that failed, and where the rest is.

What fails alike in many variants is written in full once, and of the others that it is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp.display.parts import Part, Write
from nbexp.runs.history import VariantHistory
from nbexp.runs.outcome import place_of
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State

_SOURCE_LINES = 4
_TRACEBACK_LINES = 12
_WHOLE = 5
_SHORT = 50


@dataclass(frozen=True)
class Failed:
    """A variant that failed.

    Attributes:
        name: Name of the variant.
        stage: Name of its stage.
        label: The parameters that tell it from its siblings.
        state: `State.FAILED` or `TIMED_OUT`.
        error: Fields of its `CellError`.
        folder: Its folder, if it is known.
    """

    name: str
    stage: str
    label: str
    state: State
    error: Mapping[str, Any]
    folder: Path | None = None

    @classmethod
    def of(cls, variant: VariantHistory, folder: Path | None = None) -> Failed:
        """Return a variant of which a run's events tell that it failed."""
        error = variant.error or {}
        return cls(variant.name, variant.stage, variant.label, variant.state, error, folder)

    @property
    def title(self) -> str:
        """Its name and label."""
        return f"{self.name} {self.label}".strip()

    @property
    def where(self) -> tuple[Any, ...]:
        """What is equal for variants that failed alike: at the same line, by the same error."""
        parts = ("name", "template", "cell", "source")
        return (self.stage, self.state, *(self.error.get(part) for part in parts))

    def is_as(self, other: Failed) -> bool:
        """Whether the message is the same too, but for the variants' own names in it."""
        return self._message == other._message

    @property
    def _message(self) -> str:
        return headline(self.error).replace(self.name, "")


@dataclass(frozen=True)
class Alike:
    """Variants of a stage that failed alike.

    Attributes:
        first: One of them.
        same: Others with the same message.
        others: Others, with messages of their own.
    """

    first: Failed
    same: tuple[Failed, ...]
    others: tuple[Failed, ...]


def alike(failed: Iterable[Failed]) -> list[Alike]:
    """Return failures with those beside them that are alike, in the order of the first of each."""
    found: dict[tuple[Any, ...], list[Failed]] = {}
    for each in failed:
        found.setdefault(each.where, []).append(each)
    return [
        Alike(
            first,
            tuple(each for each in more if each.is_as(first)),
            tuple(each for each in more if not each.is_as(first)),
        )
        for first, *more in found.values()
    ]


class Failures:
    """Writes failures one after another, as they happen.

    Args:
        write: Writes a line.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._first: dict[tuple[Any, ...], Failed] = {}
        self._count = 0

    def add(self, failed: Failed) -> None:
        """Write about a failure: in full, in short, or not at all where there are many."""
        self._count += 1
        first = self._first.setdefault(failed.where, failed)
        if first is failed and len(self._first) <= _WHOLE:
            show_failure(self._write, failed)
        elif self._count <= _SHORT:
            self._write((f"✗ {failed.title}", "bold red"), f"  {_in_short(failed, first)}")
        elif self._count == _SHORT + 1:
            self._write("  … further failures are counted below, and told by nbexp show")


def show_failure(write: Write, failed: Failed) -> None:
    """Write why a variant failed."""
    write((f"✗ {failed.title}", "bold red"), f"  {failed.state}")
    for line in _details(failed.error):
        write("    ", *line)
    if failed.folder is not None:
        notebook = VariantFolder(failed.folder).notebook
        place = notebook if notebook.is_file() else failed.folder
        write("    ", ("notebook  ", "dim"), short_path(place))


def show_alike(write: Write, group: Alike) -> None:
    """Write why variants failed that failed alike."""
    show_failure(write, group.first)
    if group.same:
        names = _some([each.title for each in group.same])
        write("    ", (f"the same in {len(group.same)} more  ", "dim"), names)
    for each in group.others[:_WHOLE]:
        write("    ", (f"there too  {each.title}  ", "dim"), headline(each.error))
    if len(group.others) > _WHOLE:
        write("    ", (f"there too  {len(group.others) - _WHOLE} more", "dim"))


def short_path(path: Path) -> str:
    """Return a path as seen from the current folder, where it lies in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def headline(error: Mapping[str, Any]) -> str:
    """Return an error in one line."""
    message = str(error.get("message", "")).strip().splitlines()
    return f"{error.get('name', 'Error')}: {message[0] if message else ''}".rstrip(": ")


def _in_short(failed: Failed, first: Failed) -> str:
    if first is failed:
        return f"{failed.state}  {headline(failed.error)}"
    if failed.is_as(first):
        return f"{failed.state} as {first.name} did"
    return f"{failed.state} where {first.name} did  {headline(failed.error)}"


def _some(titles: list[str]) -> str:
    more = f" and {len(titles) - _WHOLE} more" if len(titles) > _WHOLE else ""
    return f"{', '.join(titles[:_WHOLE])}{more}"


def _details(error: Mapping[str, Any]) -> list[tuple[Part, ...]]:
    if not error:
        return []
    lines: list[tuple[Part, ...]] = []
    if place := place_of(error):
        source = str(error.get("source", "")).strip().splitlines()
        lines.append((("in ", "dim"), place))
        lines += [(("  │ ", "dim"), line) for line in source[:_SOURCE_LINES]]
        if len(source) > _SOURCE_LINES:
            lines.append((("  │ …", "dim"),))
    lines.append(((headline(error), "red"),))
    traceback = str(error.get("traceback", "")).rstrip().splitlines()
    if traceback and traceback[-1] == headline(error):
        del traceback[-1]
    return lines + [(("  " + line, "dim"),) for line in traceback[-_TRACEBACK_LINES:]]
