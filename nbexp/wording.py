"""How numbers, times and counts are written for people."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from nbexp.states import State


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


def time_text(seconds: float) -> str:
    """Return a time as a date and a clock show it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""
    except (OverflowError, ValueError, OSError):  # from a damaged file
        return ""
