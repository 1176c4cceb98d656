"""Text as notebooks keep it, and what is shown of it where it is long."""

from __future__ import annotations

import re
from typing import Any

_HEAD_LINES, _TAIL_LINES = 200, 50
_HEAD_CHARACTERS, _TAIL_CHARACTERS = 40_000, 10_000
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
