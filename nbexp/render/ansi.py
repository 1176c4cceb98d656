"""Text as a terminal would show it, as HTML: colours, carriage returns, backspaces.

Colours are the classes ``nb-f0`` … ``nb-f15`` and ``nb-b0`` … ``nb-b15`` (foreground, background),
so that each theme has its own; those of 256 or 16 million are handed over in the custom properties
``--f`` and ``--b`` of ``nb-fx`` and ``nb-bx``, so that a theme can keep them readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape

# Control sequences, operating system commands (titles, links) and escapes of one character.
_ESCAPE = (
    r"\x1b\[[0-9;:?<=>]{0,400}[ -/]?[@-~]"
    r"|\x1b\][^\x07\x1b]{0,4000}(?:\x07|\x1b\\)"
    r"|\x1b[@-Z\\^_=>78c]"
)
_TOKEN = re.compile(rf"{_ESCAPE}|[\x00-\x08\x0b-\x1f\x7f]|\n|[^\x00-\x08\x0a-\x1f\x7f]+")
_CODE = re.compile(_ESCAPE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COLOUR = re.compile(r"\x1b\[([0-9;:]*)m")
_MOVES = re.compile(r"[\r\b\x0b\x0c]|\x1b(?!\[[0-9;:]*m)")

_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",), 29: ("strike",)}
_WIDEST = 400  # columns to which an escape code may move; nothing limits what is printed
_WORK = 2_000_000  # characters that escape codes may add or erase, all of them together
_SPANS = 20_000  # changes of colour in one text; what follows is plain


@dataclass(frozen=True)
class _Style:
    """How characters look; a colour is a number below 16 or ``#rrggbb``."""

    foreground: int | str | None = None
    background: int | str | None = None
    flags: frozenset[str] = frozenset()

    def opening(self) -> str:
        """Return the tag that opens a run of this style, or nothing for plain text."""
        names = [f"nb-{flag}" for flag in sorted(self.flags)]
        colours = []
        for letter, colour in (("f", self.foreground), ("b", self.background)):
            if isinstance(colour, int):
                names.append(f"nb-{letter}{colour}")
            elif colour is not None:
                names.append(f"nb-{letter}x")
                colours.append(f"--{letter}:{colour}")
        if not names:
            return ""
        style = f' style="{";".join(colours)}"' if colours else ""
        return f'<span class="{" ".join(names)}"{style}>'


_PLAIN = _Style()


def plain(text: str) -> str:
    """Return text without escape codes and control characters, as it was printed."""
    return _CONTROL.sub("", _CODE.sub("", text))


def settle(text: str, *, kept: int = 20) -> str:
    """Return text with what later carriage returns surely overwrote left out.

    A progress bar prints its line anew thousands of times; the last `kept` states are enough to
    know what a terminal shows in the end.
    """
    if "\r" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("\r".join(line.rsplit("\r", kept)[-kept:]) for line in lines)


def to_html(text: str) -> str:
    """Return text as HTML for a ``<pre>``: what a terminal shows once all is printed."""
    if "\x1b" not in text and not _CONTROL.search(text):
        return escape(text, quote=False)
    runs = _on_screen(text) if _MOVES.search(text) else _in_order(text)
    return "".join(_spans(runs))


def _spans(runs: Iterator[tuple[str, _Style]]) -> Iterator[str]:
    openings: dict[_Style, str] = {}
    for count, (text, style) in enumerate(runs):
        if style not in openings:
            openings[style] = style.opening()
        opening = openings[style] if count < _SPANS else ""
        yield (
            f"{opening}{escape(text, quote=False)}</span>" if opening else escape(text, quote=False)
        )


def _in_order(text: str) -> Iterator[tuple[str, _Style]]:
    """Yield runs of a text whose only codes are colours."""
    style, start = _PLAIN, 0
    for code in _COLOUR.finditer(text):
        if code.start() > start:
            yield _CONTROL.sub("", text[start : code.start()]), style
        style, start = _styled(style, code[1]), code.end()
    yield _CONTROL.sub("", text[start:]), style


def _on_screen(text: str) -> Iterator[tuple[str, _Style]]:
    screen = _Screen()
    for token in _TOKEN.finditer(text):
        screen.take(token[0])
    return screen.runs()


class _Screen:
    """A terminal without an edge: lines of characters, each with its style, and a cursor."""

    def __init__(self) -> None:
        self.lines: list[list[tuple[str, _Style]]] = [[]]
        self.row = 0
        self.column = 0
        self.style = _PLAIN
        self.work = _WORK

    def take(self, token: str) -> None:
        """Print a run of characters, or do what a control character or an escape code says."""
        if token == "\n":
            self._to(self.row + 1, 0)
        elif token == "\r":
            self.column = 0
        elif token == "\b":
            self.column = max(self.column - 1, 0)
        elif token.startswith("\x1b["):
            self._obey(token)
        elif token[0] == "\t" or " " <= token != "\x7f":
            self._print(token)

    def _print(self, text: str) -> None:
        line = self.lines[self.row]
        missing = max(self.column - len(line), 0)
        self.work -= missing
        line.extend([(" ", _PLAIN)] * missing)
        line[self.column : self.column + len(text)] = [(each, self.style) for each in text]
        self.column += len(text)

    def _to(self, row: int, column: int) -> None:
        self.row, self.column = max(row, 0), max(column, 0)
        if self.row >= len(self.lines):
            self.row = len(self.lines)  # a code that moves far down moves by one line
            self.lines.append([])

    def _obey(self, code: str) -> None:
        if self.work < 0 and code[-1] != "m":
            return
        letter, digits = code[-1], re.match(r"\d{1,6}", code[2:])
        count = min(int(digits[0]) if digits else 1, _WIDEST) or 1
        if letter == "m":
            self.style = _styled(self.style, code[2:-1])
        elif letter in "AF":
            self._to(self.row - count, 0 if letter == "F" else self.column)
        elif letter in "BE":
            self._to(
                min(self.row + count, len(self.lines) - 1), 0 if letter == "E" else self.column
            )
        elif letter == "C":
            self.column = min(self.column + count, max(_WIDEST, self.column))
        elif letter == "D":
            self.column = max(self.column - count, 0)
        elif letter == "G":
            self.column = count - 1
        elif letter in "KJ":
            self._erase(letter, digits[0] if digits else "0")

    def _erase(self, letter: str, which: str) -> None:
        line = self.lines[self.row]
        if letter == "J":
            self.lines[self.row + 1 :] = []
            if which in "23":
                self.lines[:], self.row, self.column = [[]], 0, 0
                return
        if which == "0":
            del line[self.column :]
        elif which == "1":
            blank = min(self.column, len(line))
            self.work -= blank
            line[:blank] = [(" ", _PLAIN)] * blank
        else:
            line.clear()

    def runs(self) -> Iterator[tuple[str, _Style]]:
        """Yield runs of characters of one style."""
        for number, line in enumerate(self.lines):
            start = 0
            for end in range(1, len(line) + 1):
                if end == len(line) or line[end][1] is not line[start][1]:
                    yield "".join(each for each, _ in line[start:end]), line[start][1]
                    start = end
            if number + 1 < len(self.lines):
                yield "\n", _PLAIN


@lru_cache(maxsize=4_096)
def _styled(style: _Style, codes: str) -> _Style:
    """Return a style as the numbers of a code ``ESC [ … m`` change it (ECMA-48, SGR)."""
    numbers = [int(each[:6] or 0) for each in codes.replace(":", ";").split(";")[:40]]
    position = 0
    while position < len(numbers):
        number = numbers[position]
        if number in (38, 48):
            colour, position = _extended(numbers, position + 1)
            style = _coloured(style, "foreground" if number == 38 else "background", colour)
            continue
        style = _changed(style, number)
        position += 1
    return style


def _changed(style: _Style, number: int) -> _Style:
    if number == 0:
        return _PLAIN
    if number in _FLAGS:
        return replace(style, flags=style.flags | {_FLAGS[number]})
    if number in _OFF:
        return replace(style, flags=style.flags - set(_OFF[number]))
    for base, first in ((30, 0), (90, 8)):
        if base <= number < base + 8:
            return replace(style, foreground=number - base + first)
        if base + 10 <= number < base + 18:
            return replace(style, background=number - base - 10 + first)
    if number == 39:
        return replace(style, foreground=None)
    return replace(style, background=None) if number == 49 else style


def _coloured(style: _Style, ground: str, colour: int | str | None) -> _Style:
    if colour is None:
        return style
    is_foreground = ground == "foreground"
    return replace(style, foreground=colour) if is_foreground else replace(style, background=colour)


def _extended(numbers: list[int], position: int) -> tuple[int | str | None, int]:
    """Return a colour of 256 (``5;N``) or of 16 million (``2;R;G;B``), and what follows it."""
    kind = numbers[position] if position < len(numbers) else None
    if kind == 5 and position + 1 < len(numbers):
        return _of_256(numbers[position + 1]), position + 2
    if kind == 2 and position + 3 < len(numbers):
        red, green, blue = (min(each, 255) for each in numbers[position + 1 : position + 4])
        return f"#{red:02x}{green:02x}{blue:02x}", position + 4
    return None, len(numbers)


def _of_256(number: int) -> int | str | None:
    if number < 16:
        return number
    if number > 255:
        return None
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    cube = number - 16
    levels = (0, 95, 135, 175, 215, 255)
    return f"#{levels[cube // 36]:02x}{levels[cube // 6 % 6]:02x}{levels[cube % 6]:02x}"
