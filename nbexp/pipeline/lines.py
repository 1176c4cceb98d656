"""In which line of a TOML file each key stands, which Python's own parser does not tell."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator

_TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[^\S\n]+"
    r"|[\w+:-]+"
    r"|.",
    re.DOTALL,
)
_ENDS = ("\n", ",", "]", "}", "")


def lines_of_keys(text: str) -> dict[str, int]:
    """Return the line of each key, and of each item of a list, by its path.

    Args:
        text: TOML without a mistake.

    Example:
        >>> lines_of_keys("seed = { a = [1, 2] }")
        {'seed': 1, 'seed.a': 1, 'seed.a[0]': 1, 'seed.a[1]': 1}
    """
    return _Scanner(text).lines


class _Scanner:
    """Goes once through the text.

    Attributes:
        lines: The line of each path.
    """

    def __init__(self, text: str) -> None:
        self.lines: dict[str, int] = {}
        self._tokens = _tokens(text)
        self._counts: Counter[str] = Counter()  # of the tables of each array
        self._table = ""
        self._next()
        while self._token:
            if self._token == "\n":
                self._next()
            elif self._token == "[":
                self._header()
            else:
                self._pair(self._table)

    def _next(self) -> None:
        self._token, self._line = next(self._tokens, ("", 0))

    def _header(self) -> None:
        line = self._line
        self._next()
        if is_array := self._token == "[":
            self._next()
        path = self._key("", line, "]")
        if is_array:
            self._next()
            self._counts[path] += 1
            path = self._of_array(path)
            self.lines[path] = line
        self._next()
        self._table = path

    def _of_array(self, path: str) -> str:
        count = self._counts[path]
        return f"{path}[{count - 1}]" if count else path

    def _key(self, path: str, line: int, end: str) -> str:
        """Return the path of a dotted key, past which the next token is its end."""
        while self._token not in (end, ""):
            if self._token != ".":
                path = f"{self._of_array(path)}.{_name(self._token)}".lstrip(".")
                self.lines.setdefault(path, line)
            self._next()
        return path

    def _pair(self, table: str) -> None:
        path = self._key(table, self._line, "=")
        self._next()
        self._value(path)

    def _value(self, path: str) -> None:
        if self._token == "[":
            self._items(path, "]")
        elif self._token == "{":
            self._items(path, "}")
        else:
            while self._token not in _ENDS:
                self._next()

    def _items(self, path: str, end: str) -> None:
        index = 0
        self._next()
        while self._token not in (end, ""):
            if self._token in ("\n", ","):
                self._next()
            elif end == "}":
                self._pair(path)
            else:
                self.lines[f"{path}[{index}]"] = self._line
                self._value(f"{path}[{index}]")
                index += 1
        self._next()


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line = 1
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "\n" or not (token.isspace() or token.startswith("#")):
            yield token, line
        line += token.count("\n")


def _name(token: str) -> str:
    return next(iter(tomllib.loads(f"{token} = 0"))) if token[0] in "\"'" else token
