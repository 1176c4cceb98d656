"""Reduce: which variants of a stage go on to later stages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from nbexp.files import to_float
from nbexp.pipeline import Mode

T = TypeVar("T")


def metric_value(scraps: Mapping[str, Any], metric: str | None) -> float | None:
    """Return a metric among scraps as a number, or None where it is missing or NaN."""
    value = scraps.get(metric) if metric else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = to_float(value)
    return None if math.isnan(number) else number


def best(items: Sequence[tuple[T, float | None]], mode: Mode, keep: int | None = None) -> list[T]:
    """Return items from best to worst.

    Missing values rank last, and ties keep the order given, so that the result is the same
    every time.

    Args:
        items: Each with its metric, or None where that is missing.
        mode: Whether larger or smaller is better.
        keep: How many to return; None for all.
    """
    sign = -1.0 if mode is Mode.MAX else 1.0

    def rank(item: tuple[T, float | None]) -> tuple[bool, float]:
        value = item[1]
        return (value is None, 0.0 if value is None else sign * value)

    return [item for item, _ in sorted(items, key=rank)][:keep]
