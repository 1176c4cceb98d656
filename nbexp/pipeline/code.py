"""Search spaces for pipelines built in code; in the file they are written as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbexp.pipeline.spaces import Distribution, Grid
from nbexp.pipeline.values import Secret


def grid(values: Iterable[Any]) -> Grid:
    """Every one of some values, in order."""
    return Grid(tuple(values))


def choice(values: Iterable[Any]) -> Distribution:
    """One of some values, each as likely as the others."""
    return Distribution("choice", tuple(values))


def uniform(lower: float, upper: float) -> Distribution:
    """A number between two bounds."""
    return Distribution("uniform", (lower, upper))


def quniform(lower: float, upper: float, q: float) -> Distribution:
    """A number between two bounds, rounded to a multiple of `q`."""
    return Distribution("quniform", (lower, upper, q))


def loguniform(lower: float, upper: float) -> Distribution:
    """A number between two bounds, whose logarithm is uniform."""
    return Distribution("loguniform", (lower, upper))


def qloguniform(lower: float, upper: float, q: float) -> Distribution:
    """As `loguniform`, rounded to a multiple of `q`."""
    return Distribution("qloguniform", (lower, upper, q))


def randint(lower: int, upper: int) -> Distribution:
    """A whole number from `lower` to below `upper`."""
    return Distribution("randint", (lower, upper))


def qrandint(lower: int, upper: int, q: int) -> Distribution:
    """A multiple of `q` from `lower` to `upper`; as in Ray Tune, `q` = 1 leaves `upper` out."""
    return Distribution("qrandint", (lower, upper, q))


def lograndint(lower: int, upper: int) -> Distribution:
    """A whole number from `lower` to below `upper`, whose logarithm is uniform."""
    return Distribution("lograndint", (lower, upper))


def qlograndint(lower: int, upper: int, q: int) -> Distribution:
    """As `lograndint`, in multiples of `q`; as in Ray Tune, `q` = 1 leaves `upper` out."""
    return Distribution("qlograndint", (lower, upper, q))


def normal(mean: float, sd: float) -> Distribution:
    """A number from a normal distribution (Ray Tune's ``randn``)."""
    return Distribution("normal", (mean, sd))


def qnormal(mean: float, sd: float, q: float) -> Distribution:
    """As `normal`, rounded to a multiple of `q` (Ray Tune's ``qrandn``)."""
    return Distribution("qnormal", (mean, sd, q))


def secret(name: str) -> Secret:
    """The environment variable of that name; its value is written nowhere."""
    return Secret(name)
