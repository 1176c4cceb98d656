"""Reduce: which variants of a stage go on to later stages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from nbexp.files import to_float
from nbexp.pipeline import Mode, Score
from nbexp.runs.outcome import Outcome

T = TypeVar("T")


def metric_value(
    outcome: Outcome | None, metric: str | None, mode: Mode = Mode.MAX, score: Score = Score.LAST
) -> float | None:
    """Return what an outcome says of a metric, or None where it is missing or NaN.

    Args:
        outcome: How a variant ended.
        metric: Name of the metric: of a scrap, or of what was logged.
        mode: Whether larger or smaller is better.
        score: Which value counts. The last is the scrap, if there is one: a notebook glues it
            when it is through.
    """
    if outcome is None or not metric:
        return None
    known = [] if (glued := _number(outcome.scraps.get(metric))) is None else [glued]
    reported = outcome.reported.get(metric)
    if reported is not None and (score is Score.BEST or not known):
        extreme = reported.most if mode is Mode.MAX else reported.least
        known.append(float(reported.last if score is Score.LAST else extreme))
    numbers = [value for value in known if not math.isnan(value)]
    return (max if mode is Mode.MAX else min)(numbers, default=None)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return to_float(value) if is_number else None


def count_kept(keep: int | float | None, succeeded: int) -> int | None:
    """Return how many of the variants that succeeded go on; None for all.

    Args:
        keep: A number of variants, or below 1 the fraction of them, rounded up.
        succeeded: How many there are.
    """
    if keep is None or isinstance(keep, int):
        return keep
    return math.ceil(round(keep * succeeded, 9))


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
