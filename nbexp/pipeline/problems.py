"""Collects every mistake of a pipeline, so that all are told in one go."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from nbexp.errors import PipelineError, Problem, did_you_mean
from nbexp.pipeline.lines import lines_of_keys


class Problems:
    """The mistakes found so far.

    Args:
        file: Name of the file, as messages show it.
        path: Where it lies, for the lines of its keys.
    """

    def __init__(self, file: str, path: Path | None = None) -> None:
        self.file = file
        self.found: list[Problem] = []
        self._path = path

    def add(self, where: str, message: str, remedy: str) -> None:
        """Note a mistake at a key such as ``stages.train.params.lr``."""
        place = f"{self.file}: {where}" if where else self.file
        problem = Problem(place, message, remedy, self._line(where))
        if problem not in self.found:
            self.found.append(problem)

    def _line(self, where: str) -> int | None:
        """Return the line of a key, or else of the table that it is missing in."""
        while where and where not in self._lines:
            where = where[: max(where.rfind("."), where.rfind("["), 0)]
        return self._lines.get(where)

    @cached_property
    def _lines(self) -> dict[str, int]:
        try:
            return lines_of_keys(self._path.read_bytes().decode("utf-8-sig")) if self._path else {}
        except (OSError, ValueError, RecursionError):  # it was changed, or is nested too deeply
            return {}

    def unknown(self, where: str, word: str, known: Iterable[str], what: str = "key") -> None:
        """Note a word that is none of those known."""
        self.add(where, f"unknown {what} {word!r}", did_you_mean(word, known))

    def expect(self, where: str, value: Any, form: str, example: str) -> None:
        """Note a value that has not the form expected."""
        came = "but it is missing" if value is None else f"got {value!r}"
        self.add(where, f"expected {form}, {came}", f"Write, for example: {example}")

    def raise_any(self) -> None:
        """Raise what was found.

        Raises:
            PipelineError: There is at least one mistake.
        """
        if self.found:
            raise PipelineError(self.found)
