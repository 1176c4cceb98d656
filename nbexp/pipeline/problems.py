"""Collects every mistake of a pipeline, so that all are told in one go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbexp.errors import PipelineError, Problem, did_you_mean


class Problems:
    """The mistakes found so far.

    Args:
        file: Name of the file, as messages show it.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def add(self, where: str, message: str, remedy: str) -> None:
        """Note a mistake at a key such as ``stages.train.params.lr``."""
        place = f"{self.file}: {where}" if where else self.file
        problem = Problem(place, message, remedy)
        if problem not in self.found:
            self.found.append(problem)

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
