"""How numbers, times and counts are written for people."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from nbexp.states import State

_DIGITS = range(4, 18)  # of the largest number of a column; 17 tell any two floats apart
_WIDE = 1e4  # from the smallest number of a column to the largest: too far for decimals


def counts_text(counts: Mapping[State, int]) -> str:
    """Return numbers of variants by state, such as ``3 finished, 1 failed``."""
    return ", ".join(f"{counts[state]} {state}" for state in State if counts.get(state))


def selection_text(counts: Mapping[State, int]) -> str:
    """Return of how many variants the best is the best, where some were stopped or timed out.

    Such as ``the best of 2 of 5 variants: 3 stopped``; empty where all came to their own end.

    Args:
        counts: Numbers of variants by state.
    """
    compared = sum(count for state, count in counts.items() if state.is_success)
    if not compared or not (counts.get(State.STOPPED) or counts.get(State.TIMED_OUT)):
        return ""
    rest = {state: count for state, count in counts.items() if not state.is_success}
    total = counted(sum(counts.values()), "variant")
    return f"the best of {compared} of {total}: {counts_text(rest)}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as ``1 variant`` or ``2 variants``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def duration_text(seconds: float | None) -> str:
    """Return a duration as people say it: ``0.4 s``, ``42 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    if seconds < 9.95 and not isinstance(seconds, int):
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def number_text(value: float | None) -> str:
    """Return a metric with the digits that matter."""
    return "" if value is None else f"{value:.6g}"


def cell_text(cell: Mapping[str, Any]) -> str:
    """Return where in a notebook a variant is, such as ``in cell 3 of 9 since 14:03:12: fit(…)``.

    Args:
        cell: A `VariantHistory`'s.
    """
    number, count = cell["number"], cell["count"]
    place = "the parameters" if number is None else f"cell {number} of {count}"
    since = f" since {clock}" if (clock := time_text(cell["began"])[-8:]) else ""
    return f"in {place}{since}{': ' if cell['line'] else ''}{cell['line']}"


def time_text(seconds: float) -> str:
    """Return a time as a date and a clock show it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""
    except (OverflowError, ValueError, OSError):  # from a damaged file
        return ""


def aligned(numbers: Iterable[float]) -> list[str]:
    """Return numbers as texts for a column: different ones look different.

    They have as many decimals as that needs, the same for all, unless they are too far apart or
    too far from one: then each has digits of its own.
    """
    values = list(numbers)
    finite = {float(value) for value in values if math.isfinite(value)}
    for digits in _DIGITS:
        written = {value: _written(value, finite, digits) for value in finite}
        if len(set(written.values())) == len(finite):
            break
    return [written[value] if value in written else _not_finite(value) for value in values]


def _written(value: float, among: Iterable[float], digits: int) -> str:
    sizes = [abs(each) for each in among if each]
    least, most = min(sizes, default=1.0), max(sizes, default=1.0)
    if least < 1e-4 or most >= 1e9 or most / least > _WIDE:
        return f"{value:.{digits}g}"
    wanted = max(digits - 1 - math.floor(math.log10(most)), 1 - math.floor(math.log10(least)))
    needed = max(0 if each.is_integer() else len(f"{each!r}".partition(".")[2]) for each in among)
    return f"{value:.{max(0, min(wanted, needed))}f}"


def _not_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
