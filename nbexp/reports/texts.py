"""Text as notebooks keep it, and what is shown of it where it is long."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

_HEAD_LINES, _TAIL_LINES = 200, 50
_HEAD_CHARACTERS, _TAIL_CHARACTERS = 40_000, 10_000
_DIGITS = range(4, 18)  # of the largest number of a column; 17 tell any two floats apart
_WIDE = 1e4  # from the smallest number of a column to the largest: too far for decimals
_SURROGATE = re.compile("[\ud800-\udfff]")  # halves of characters, which no file can hold


def joined(value: Any) -> str:
    """Return text that notebooks keep as a string or as a list of lines."""
    if isinstance(value, list):
        value = "".join(each for each in value if isinstance(each, str))
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def ends(text: str) -> tuple[str, str]:
    """Return the first and the last lines of a text."""
    start = -1
    for _ in range(_HEAD_LINES):
        start = text.find("\n", start + 1)
        if start < 0 or start > _HEAD_CHARACTERS:
            break
    head = text[: start if 0 < start <= _HEAD_CHARACTERS else _HEAD_CHARACTERS]
    end = len(text)
    for _ in range(_TAIL_LINES):
        end = text.rfind("\n", 0, end)
        if end < 0 or len(text) - end > _TAIL_CHARACTERS:
            break
    is_short = end >= 0 and len(text) - end <= _TAIL_CHARACTERS
    return head, text[end + 1 :] if is_short else text[-_TAIL_CHARACTERS:]


def size_text(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / 1e6:.1f} MB" if count >= 1_000_000 else f"{max(count / 1e3, 0.1):.1f} kB"


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
