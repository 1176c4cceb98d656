"""What may reach a terminal of the texts that notebooks and files hold: characters and colours.

A terminal obeys what is written to it: it clears itself, fills the clipboard, shows one address
and opens another. So all that commands write passes `clean`, at the streams themselves, where no
way out is forgotten. Only what rich draws goes around them, of parts that have passed `plain`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

# Controls of ASCII but tab and line feed, those of ISO 6429's C1, what turns the direction of
# writing, separators of lines, anchors of annotations, and halves of surrogate pairs.
_UNSAFE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb"
    "\ud800-\udfff"
)
_SUSPECT = re.compile(f"[{_UNSAFE}]")
_COLOUR = r"\x1b\[[0-9;:]{0,100}m"
_COLOURS = re.compile(_COLOUR)
_SEQUENCE = re.compile(
    rf"(?P<colour>{_COLOUR})"
    r"|(?:\x1b\[|\x9b)[0-?]{0,100}[ -/]{0,100}[@-~]"  # CSI: cursor, screen, modes
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])"  # OSC, DCS and their like: title, clipboard, links
    r"[^\x07\x1b\x9c\n]{0,10000}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,10}[0-~]"
    f"|(?P<half>[\ud800-\udfff])|[{_UNSAFE}]"
)
_RESET = "\x1b[0m"
_BREAKS = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def clean(text: str) -> str:
    """Return a text without any control sequence but colours, whose last one is ended.

    Of what overwrites itself by carriage returns, such as a progress bar, the last state is left.
    """
    if not _SUSPECT.search(text):
        return text
    text = "\n".join(map(_last_state, text.split("\n")))
    text = _SEQUENCE.sub(_kept, text)
    colours = _COLOURS.findall(text)
    if not colours or colours[-1] in (_RESET, "\x1b[m"):
        return text
    whole = text.rstrip("\n")
    return f"{whole}{_RESET}{text[len(whole) :]}"


def plain(text: str) -> str:
    """Return a text without any control sequence, colours included."""
    return _COLOURS.sub("", clean(text))


def one_line(text: str) -> str:
    """Return a text in one line, and without any control sequence; for cells of tables."""
    return plain(_BREAKS.sub("↵", text)).replace("\t", " ")


def _last_state(line: str) -> str:
    states = [state for state in line.split("\r") if state]
    shown = (state for state in reversed(states) if _SEQUENCE.sub("", state).strip())
    return next(shown, "".join(states[-1:]))


def _kept(match: re.Match[str]) -> str:
    if match["half"]:
        return "\N{REPLACEMENT CHARACTER}"
    return match["colour"] or ""


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
