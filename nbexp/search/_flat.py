"""A space as independent variables, as libraries search it: choices within choices laid flat.

A choice whose cases hold distributions becomes a variable for the case, and one for each
distribution of each case. Those of cases that are not chosen have no effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nbexp.pipeline import Distribution
from nbexp.pipeline.values import outermost, place, plain
from nbexp.search._coding import Plain, same


class Flat:
    """The variables of a space, and the way from their values to the space's and back.

    Args:
        space: The distributions, by key.

    Attributes:
        variables: Distributions without any in them, by name.
        size: Number of points of the space; infinite for a continuum.
    """

    def __init__(self, space: Mapping[str, Distribution]) -> None:
        self._space = space
        self.variables: dict[str, Distribution] = {}
        for key, each in space.items():
            self._add(key, each)
        self.size = math.prod(map(_size, space.values()))

    def compose(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of the space, by key, that values of all variables make."""
        return {key: _composed(key, each, variables) for key, each in self._space.items()}

    def take_apart(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the values of the variables that make values of the space; None if none do.

        Args:
            values: The values, by key; links and secrets in them may be as they are written down.
        """
        found: dict[str, Any] = {}
        for key, each in self._space.items():
            if key not in values and _size(each) == 1:
                continue
            if key not in values or not _matches(each, values[key], key, found):
                return None
        idle = self.variables.keys() - found.keys()
        return found | {name: self.variables[name].draw(name) for name in idle}

    def _add(self, name: str, distribution: Distribution) -> None:
        if not _is_nested(distribution):
            self.variables[name] = distribution
            return
        self.variables[name] = Distribution("choice", tuple(range(len(distribution.arguments))))
        for number, case in enumerate(distribution.arguments):
            for path, inner in outermost(case):
                self._add(_name(name, number, place(path)), inner)


def holds(distribution: Distribution, key: str, values: Mapping[str, Any]) -> bool:
    """Whether values have one, by its key, that a distribution can give."""
    return Flat({key: distribution}).take_apart(values) is not None


def _name(name: str, number: int, where: str) -> str:
    return f"{name}|{number}|{where}"


def _is_nested(distribution: Distribution) -> bool:
    is_choice = distribution.kind == "choice"
    return is_choice and any(True for case in distribution.arguments for _ in outermost(case))


def _size(distribution: Distribution) -> float:
    if not _is_nested(distribution):
        return Plain(distribution).count or math.inf
    cases = distribution.arguments
    return sum(math.prod(_size(inner) for _, inner in outermost(case)) for case in cases)


def _composed(name: str, distribution: Distribution, variables: Mapping[str, Any]) -> Any:
    if not _is_nested(distribution):
        return variables[name]
    number = variables[name]
    return _filled(distribution.arguments[number], f"{name}|{number}", "", variables)


def _filled(value: Any, case: str, where: str, variables: Mapping[str, Any]) -> Any:
    """Return a case with values in the place of its distributions."""
    if isinstance(value, Distribution):
        return _composed(f"{case}|{where}", value, variables)
    if isinstance(value, dict):
        return {
            key: _filled(item, case, f"{where}.{key}".lstrip("."), variables)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_filled(item, case, f"{where}[{i}]", variables) for i, item in enumerate(value)]
    return value


def _matches(distribution: Distribution, value: Any, name: str, found: dict[str, Any]) -> bool:
    """Whether a distribution can give a value; note what its variables then are."""
    if not _is_nested(distribution):
        return _matches_plain(distribution, value, name, found)
    for number, case in enumerate(distribution.arguments):
        inner: dict[str, Any] = {}
        if _fits(case, value, f"{name}|{number}", "", inner):
            found |= {name: number, **inner}
            return True
    return False


def _matches_plain(
    distribution: Distribution, value: Any, name: str, found: dict[str, Any]
) -> bool:
    if distribution.kind != "choice":
        found[name] = value
        return Plain(distribution).encode(value) is not None
    for choice in distribution.arguments:
        if same(plain(choice), plain(value)):
            found[name] = choice
            return True
    return False


def _fits(case: Any, value: Any, name: str, where: str, found: dict[str, Any]) -> bool:
    if isinstance(case, Distribution):
        return _matches(case, value, f"{name}|{where}", found)
    if isinstance(case, dict) and isinstance(value, dict):
        return case.keys() == value.keys() and all(
            _fits(item, value[key], name, f"{where}.{key}".lstrip("."), found)
            for key, item in case.items()
        )
    if isinstance(case, list) and isinstance(value, list):
        return len(case) == len(value) and all(
            _fits(item, value[i], name, f"{where}[{i}]", found) for i, item in enumerate(case)
        )
    return same(plain(case), plain(value))
