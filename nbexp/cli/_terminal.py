"""What may reach a terminal of the texts that notebooks and files hold: characters and colours.

All that commands write passes `clean`, at the streams themselves, where no way out is forgotten.
Only what rich draws goes around them, of parts that have passed `plain`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from nbexp.controls import clean


class _CleanStream:
    """A text stream on which only clean texts arrive.

    Args:
        raw: The stream.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":  # bytes would go around; who looks for it can do without
            raise AttributeError(name)
        return getattr(self.raw, name)

    def write(self, text: str) -> int:
        """Write a text, but what it holds to steer a terminal."""
        self.raw.write(clean(text))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)


def guard_streams() -> None:
    """Have all that this process writes to its standard streams cleaned from now on."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _CleanStream):
            setattr(sys, name, _CleanStream(stream))


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Have what is written to the standard streams cleaned meanwhile."""
    before = sys.stdout, sys.stderr
    guard_streams()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def raw_stream(*, to_error: bool) -> TextIO:
    """Return standard output or standard error itself, for what is made of clean parts."""
    stream = sys.stderr if to_error else sys.stdout
    return stream.raw if isinstance(stream, _CleanStream) else cast(TextIO, stream)
