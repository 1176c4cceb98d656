"""How long variants take, by those that ran: where their code is the same, and parameters alike."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbexp.files import canonical_json, digest
from nbexp.pipeline import Distribution, Link, Secret
from nbexp.pipeline.values import place, walk
from nbexp.plan.options import Option

_LEVEL = 2.0  # between durations that are taken for the same
_NOISE_S = 1.0  # differences that tell nothing, such as of a kernel's start
_LARGEST = 1e300  # of numbers that are compared; beyond it, integers are no floats any more
_MARGIN = 0.5  # how much larger or smaller than those that ran a number may be


@dataclass(frozen=True)
class Took:
    """How long an earlier variant took.

    Attributes:
        seconds: That.
        params: Its parameters.
        code: Content hash of its notebook's code and local modules, as `code_of` gives it.
    """

    seconds: float
    params: Mapping[str, Any]
    code: str


@dataclass(frozen=True)
class Seconds:
    """An estimate of seconds.

    Attributes:
        least: If all take as long as the shortest that is known.
        mean: If all take the mean.
        most: If all take as long as the longest.
    """

    least: float
    mean: float
    most: float

    @property
    def is_level(self) -> bool:
        """Whether the mean says it all, since the others differ little from it."""
        return _is_level(self.least, self.most)

    def may_be(self, seconds: float) -> bool:
        """Whether something that has taken so long already is not beyond the estimate."""
        return _is_level(self.most, seconds)

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.least + other.least, self.mean + other.mean, self.most + other.most)

    def __mul__(self, factor: float) -> Seconds:
        return Seconds(self.least * factor, self.mean * factor, self.most * factor)


NO_TIME = Seconds(0.0, 0.0, 0.0)


class Ranges:
    """The values that parameters have: numbers from the lowest to the highest, others one by one.

    Of a search space there are the ends, or what may be chosen. What links bring is not compared.

    Args:
        params: Parameters of variants.
    """

    def __init__(self, params: Iterable[Mapping[str, Any]] = ()) -> None:
        self._values: dict[str, _Values] = {}
        for each in params:
            self.add(each)

    def add(self, params: Mapping[str, Any]) -> None:
        """Take in the parameters of one more variant."""
        for path, leaf in walk(dict(params)):
            if not isinstance(leaf, Link | Secret | Distribution):
                self._values.setdefault(place(path), _Values()).add(leaf)

    def cover(self, other: Ranges, *, is_level: bool) -> bool:
        """Whether all values of others lie among these, or near them.

        Args:
            other: The others.
            is_level: Whether these made no difference: then others may lie as far beyond them as
                they lie apart.
        """
        nothing = _Values()
        return all(
            self._values.get(key, nothing).cover(values, is_level=is_level)
            for key, values in other._values.items()
        )

    def hold(self, params: Mapping[str, Any]) -> bool:
        """Whether a variant's values lie among these or near them, as far as there are any."""
        others, nothing = Ranges([params])._values, _Values()
        return all(
            values.cover(others.get(key, nothing), is_level=False)
            for key, values in self._values.items()
        )


class Durations:
    """How long variants of a stage took."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0.0
        self._least, self._most = math.inf, 0.0
        self._ranges = Ranges()

    def add(self, seconds: float, params: Mapping[str, Any]) -> None:
        """Take in a variant that has ended."""
        self._count += 1
        self._sum += seconds
        self._least, self._most = min(self._least, seconds), max(self._most, seconds)
        self._ranges.add(params)

    def of(self, ranges: Ranges) -> Seconds | None:
        """Return how long a variant takes whose parameters are in some ranges, if that is known.

        Where all took about the same, that is their mean.
        """
        if not self._count:
            return None
        is_level = _is_level(self._least, self._most)
        if not self._ranges.cover(ranges, is_level=is_level):
            return None
        mean = self._sum / self._count
        return Seconds(mean, mean, mean) if is_level else Seconds(self._least, mean, self._most)


def code_of(code: Any, modules: Any) -> str:
    """Return the content hash of a notebook's code and of its local modules."""
    return digest([code, modules])


def expected(took: Iterable[Took], options: Collection[Option]) -> Seconds | None:
    """Return how long a variant with one of some options takes, by earlier ones, if known.

    They must have run with the code and the parameters' names of each of the options. Those whose
    parameters are like the options' count before those that lie around them.
    """
    codes = {o.template.name: code_of(o.template.code, dict(o.template.modules)) for o in options}
    kinds = {(codes[each.template.name], frozenset(each.params)) for each in options}
    found = [(each, (each.code, frozenset(each.params))) for each in took]
    if not kinds <= {kind for _, kind in found}:
        return None
    asked, near, around = Ranges(option.params for option in options), Durations(), Durations()
    for each, kind in found:
        if kind in kinds:
            around.add(each.seconds, each.params)
            if asked.hold(each.params):
                near.add(each.seconds, each.params)
    return near.of(asked) or around.of(asked)


@dataclass
class _Values:
    """Values of one parameter."""

    low: float = math.inf
    high: float = -math.inf
    others: set[str] = field(default_factory=set)

    def add(self, value: Any) -> None:
        if _is_number(value):
            self.low, self.high = min(self.low, value), max(self.high, value)
        else:
            self.others.add(canonical_json(value))

    def cover(self, other: _Values, *, is_level: bool) -> bool:
        if not other.others <= self.others and not (is_level and len(self.others) > 1):
            return False
        if other.low > other.high:
            return True
        if self.low > self.high:
            return False
        margin = _MARGIN * max(abs(self.low), abs(self.high))
        margin += self.high - self.low if is_level else 0.0
        return self.low - margin <= other.low and other.high <= self.high + margin


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -_LARGEST < value < _LARGEST


def _is_level(least: float, most: float) -> bool:
    return most <= _LEVEL * least + _NOISE_S
