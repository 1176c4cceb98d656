"""A distribution as a search library sees it, and the way back to a value.

The algorithms that nbexp knows search plain variables: a number in [0, 1], a whole number or the
index of a choice. A value follows from such a number by the very code that draws it at random, so
that each algorithm takes each distribution, and gives a value of the same type and rounding. An
algorithm that is given by its import path gets Ray Tune's own domains and real values instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Protocol

from nbexp.pipeline.spaces import KINDS, Distribution

_STEPS = 60  # of a bisection: past the last bit of a float in [0, 1]
_TAIL = 1e-9  # of a normal distribution: left out at both ends


class Coding(Protocol):
    """One distribution in the terms of a library."""

    def domain(self) -> Any:
        """Return what to search, as one of Ray Tune's domains."""

    def decode(self, number: Any) -> Any:
        """Return the value for what the library suggests."""

    def encode(self, value: Any) -> Any:
        """Return what the library calls a value, or None where the space does not hold it."""


class _Dial:
    """Stands for a random generator whose only draw is known: a number from 0 to 1."""

    def __init__(self, place: float) -> None:
        self.place = place
        self.count = 0  # of equally likely values; 0 for a continuum

    def uniform(self, lower: float, upper: float) -> float:
        return min(lower + (upper - lower) * self.place, upper)

    def gauss(self, mean: float, sd: float) -> float:
        return NormalDist(mean, sd).inv_cdf(min(max(self.place, _TAIL), 1 - _TAIL))

    def randrange(self, start: int, stop: int) -> int:
        self.count = stop - start
        return start + min(math.floor(self.place * self.count), self.count - 1)

    def choice(self, values: Sequence[Any]) -> Any:
        return values[self.randrange(0, len(values))]


@dataclass(frozen=True)
class Plain:
    """A distribution as a number in [0, 1], a whole number or the index of a choice."""

    distribution: Distribution

    @property
    def count(self) -> int:
        """Number of equally likely values; 0 where they are many or not equally likely."""
        dial = _Dial(0.5)
        self._draw(dial)
        return dial.count

    def domain(self) -> Any:
        from ray import tune

        if not self.count:
            return tune.uniform(0.0, 1.0)
        is_choice = self.distribution.kind == "choice"
        return tune.choice(list(range(self.count))) if is_choice else tune.randint(0, self.count)

    def decode(self, number: Any) -> Any:
        place = (int(number) + 0.5) / self.count if self.count else float(number)
        return self._draw(_Dial(place))

    def encode(self, value: Any) -> Any:
        if self.distribution.kind == "choice":
            choices = self.distribution.arguments
            return next((i for i, choice in enumerate(choices) if same(choice, value)), None)
        if not _is_number(value):
            return None
        last, first = self._places(value)
        place = (first + last) / 2
        if not math.isclose(self._draw(_Dial(place)), value, rel_tol=1e-9, abs_tol=1e-12):
            return None
        return math.floor(place * self.count) if self.count else place

    def nearest(self, value: float) -> Any:
        """Return the value of the space that is nearest to a number."""
        below, above = (self._draw(_Dial(place)) for place in self._places(value))
        is_smooth = self.distribution.kind in ("uniform", "loguniform", "normal", "randn")
        if is_smooth and below <= value <= above:
            return float(value)
        return min(below, above, key=lambda each: abs(each - value))

    def _places(self, value: float) -> tuple[float, float]:
        """Return the last place whose value stays within a number, and the first to reach it."""
        last, _ = self._turn(lambda drawn: drawn > value)
        _, first = self._turn(lambda drawn: drawn >= value)
        return last, first

    def _turn(self, is_past: Callable[[Any], bool]) -> tuple[float, float]:
        low, high = 0.0, 1.0
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if is_past(self._draw(_Dial(middle))) else (middle, high)
        return low, high

    def _draw(self, dial: _Dial) -> Any:
        return KINDS[self.distribution.kind].draw(dial, *self.distribution.arguments)


@dataclass(frozen=True)
class Natural:
    """A distribution as Ray Tune's domain of the same name."""

    distribution: Distribution

    def domain(self) -> Any:
        from ray import tune

        kind, arguments = self.distribution.kind, self.distribution.arguments
        if kind == "choice":
            return tune.choice(list(arguments))
        return getattr(tune, kind.replace("normal", "randn"))(*arguments)

    def decode(self, number: Any) -> Any:
        value = number.item() if hasattr(number, "item") else number
        if self.distribution.kind == "choice" or not _is_number(value):
            return value
        return round(value) if "int" in self.distribution.kind else float(value)

    def encode(self, value: Any) -> Any:
        return value


def same(one: Any, other: Any) -> bool:
    """Whether two choices are the same: 1, 1.0 and True are not."""
    return type(one) is type(other) and bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
