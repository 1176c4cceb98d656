"""Search spaces of a parameter: grids, and distributions with Ray Tune's names and meaning.

Each distribution is drawn from a generator of its own, seeded by what it is drawn for, so that
adding a parameter, a grid value or a sample never changes the other draws.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nbexp.files import to_float


@dataclass(frozen=True)
class Grid:
    """Every one of some values, in order."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Distribution:
    """One value drawn at random for each sample.

    Attributes:
        kind: Ray Tune's name, such as ``loguniform``.
        arguments: Ray Tune's arguments, in order; for ``choice`` the choices.
    """

    kind: str
    arguments: tuple[Any, ...]

    def draw(self, *seed: object) -> Any:
        """Return the value for a seed; the same seed gives the same value on every machine."""
        return KINDS[self.kind].draw(random.Random(repr(seed)), *self.arguments)


Space = Grid | Distribution


@dataclass(frozen=True)
class DistributionKind:
    """One kind of distribution.

    Attributes:
        signature: The arguments, as messages show them.
        draw: Draws one value.
        check: Returns what is wrong with the arguments, or None.
    """

    signature: str
    draw: Callable[..., Any]
    check: Callable[[Sequence[Any]], str | None]

    @property
    def arity(self) -> int:
        """Number of arguments."""
        return self.signature.count(",") + 1


def is_finite(value: Any) -> bool:
    """Whether a value is a finite number."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(to_float(value))
    )


def _bounds(arguments: Sequence[Any], *, log: bool = False, whole: bool = False) -> str | None:
    lower, upper = arguments[0], arguments[1]
    if whole and not all(isinstance(a, int) for a in arguments):
        return "expected whole numbers"
    if not lower < upper:
        return f"expected lower < upper, got {lower} and {upper}"
    if log and lower <= 0:
        return f"expected lower > 0 for a logarithmic scale, got {lower}"
    if len(arguments) > 2:
        return _step(arguments, whole=whole)
    return None


def _step(arguments: Sequence[Any], *, whole: bool = False) -> str | None:
    lower, upper, q = arguments
    if q <= 0:
        return f"expected q > 0, got {q}"
    if math.floor(upper / q + 1e-9) < math.ceil(lower / q - 1e-9):
        return f"no multiple of q = {q} lies between {lower} and {upper}"
    aligned = all(math.isclose(b / q, round(b / q), abs_tol=1e-12) for b in (lower, upper))
    if not whole and not aligned:
        return f"expected bounds that are multiples of q = {q}, got {lower} and {upper}"
    return None


def _spread(arguments: Sequence[Any]) -> str | None:
    if arguments[1] <= 0:
        return f"expected a standard deviation > 0, got {arguments[1]}"
    if len(arguments) > 2 and arguments[2] <= 0:
        return f"expected q > 0, got {arguments[2]}"
    return None


def _rounded(value: float, q: float) -> float:
    # The product of a whole number and q has noise in its last digits, such as 0.30000000000000004.
    return float(f"{round(value / q) * q:.12g}")


def _loguniform(rng: random.Random, lower: float, upper: float) -> float:
    return min(max(math.exp(rng.uniform(math.log(lower), math.log(upper))), lower), upper)


def _lograndint(rng: random.Random, lower: int, upper: int) -> int:
    return min(math.floor(_loguniform(rng, lower, upper)), upper - 1)


def _indices(lower: int, upper: int, q: int) -> tuple[int, int]:
    # As in Ray Tune, the upper bound counts as soon as there is a step.
    return -(-lower // q), upper // q + (0 if q == 1 else 1)


def _qrandint(rng: random.Random, lower: int, upper: int, q: int) -> int:
    return q * rng.randrange(*_indices(lower, upper, q))


def _qlograndint(rng: random.Random, lower: int, upper: int, q: int) -> int:
    first, last = _indices(lower, upper, q)
    return q * _lograndint(rng, first, last)


KINDS: dict[str, DistributionKind] = {
    "uniform": DistributionKind("lower, upper", lambda rng, a, b: rng.uniform(a, b), _bounds),
    "quniform": DistributionKind(
        "lower, upper, q", lambda rng, a, b, q: _rounded(rng.uniform(a, b), q), _bounds
    ),
    "loguniform": DistributionKind("lower, upper", _loguniform, lambda a: _bounds(a, log=True)),
    "qloguniform": DistributionKind(
        "lower, upper, q",
        lambda rng, a, b, q: _rounded(_loguniform(rng, a, b), q),
        lambda a: _bounds(a, log=True),
    ),
    "randint": DistributionKind(
        "lower, upper", lambda rng, a, b: rng.randrange(a, b), lambda a: _bounds(a, whole=True)
    ),
    "qrandint": DistributionKind("lower, upper, q", _qrandint, lambda a: _bounds(a, whole=True)),
    "lograndint": DistributionKind(
        "lower, upper", _lograndint, lambda a: _bounds(a, log=True, whole=True)
    ),
    "qlograndint": DistributionKind(
        "lower, upper, q", _qlograndint, lambda a: _bounds(a, log=True, whole=True)
    ),
    "normal": DistributionKind("mean, sd", lambda rng, m, s: rng.gauss(m, s), _spread),
    "qnormal": DistributionKind(
        "mean, sd, q", lambda rng, m, s, q: _rounded(rng.gauss(m, s), q), _spread
    ),
    "choice": DistributionKind("values", lambda rng, *values: rng.choice(values), lambda _: None),
}
KINDS["randn"] = KINDS["normal"]
KINDS["qrandn"] = KINDS["qnormal"]

SPACE_KEYS = ("grid", *KINDS)


def form_of(kind: str) -> str:
    """Return how a space is written, for messages."""
    signature = "values" if kind == "grid" else KINDS[kind].signature
    return f"{{ {kind} = [{signature}] }}"


def read_space(kind: str, arguments: Any) -> tuple[Space | None, str]:
    """Return the space that ``{ kind = arguments }`` stands for, or what is wrong with it."""
    if not isinstance(arguments, list | tuple):
        return None, f"expected a list for {kind}, got {arguments!r}"
    if kind in ("grid", "choice"):
        if not arguments:
            return None, f"expected at least one value for {kind}, got an empty list"
        values = tuple(arguments)
        return (Grid(values) if kind == "grid" else Distribution(kind, values)), ""
    form = KINDS[kind]
    if len(arguments) != form.arity or not all(is_finite(a) for a in arguments):
        return None, f"expected {kind} = [{form.signature}] with numbers, got {list(arguments)!r}"
    wrong = form.check(arguments)
    return (None, f"{kind}: {wrong}") if wrong else (Distribution(kind, tuple(arguments)), "")
