"""Secrets, replaced in everything that is written, in whichever way they are spelt there."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from functools import cache
from html.entities import codepoint2name
from typing import Any

from nbexp.files import fit_text
from nbexp.scrapbook_format import WORDS
from nbexp.urls import passwords, passwords_in

SECRETS = "NBEXP_SECRETS"  # holds the names of the kernel's variables that are secrets
MASKED = "***"  # stands in the place of a secret
_SHORTEST_PART = 8  # characters: less of a secret shows nothing, and would mask innocent text
_PROBE = 4  # characters
_BACKSLASH = r"(?:\\|%(?:25)?5[cC])"
_ONE_BACKSLASH = re.compile(_BACKSLASH)
_COLOUR = re.compile(r"(?:(?:\x1b|\\+(?:x1b|u001b|033))\[[0-9;]*m)")
_COLOURED = ("\x1b[", "x1b[", "u001b[", "033[")
_BREAK = rf"(?:{_COLOUR.pattern}|[\"']?\r?\n[ \t]*[\"']?)*"  # where a long line is broken
_OPEN = re.compile(r"(?:\x1b(?:\[[0-9;]*)?|\\+[xu0-9b]*(?:\[[0-9;]*)?|%(?:25?)?5?|[\"']\r?)\Z")
_CUT = re.compile("\\.\\.\\.|\u2026")  # where a text was cut off, as in tables of pandas
_LETTERS = {"\n": "n", "\r": "r", "\t": "t"}
_NAMES = {ord("'"): "apos", **codepoint2name}
_SHELLS = tuple(f"{b}'{c}\"{b}'{c}\"{b}'" for b in ("", "\\") for c in ("", "\\"))
_DOUBLED = {'"': ('""', '\\"\\"'), "'": ("''", "\\'\\'", *_SHELLS), " ": ("+",)}  # CSV, SQL, forms


class Mask:
    """Replaces the values of secrets, longest first, so that none shows by its parts.

    A secret is found as it is, and as it stands in Python, JSON, HTML, URLs, CSV, a shell and
    base64, also with colours of a terminal or the end of a line in between; by its lines, if it has
    several; by its query, if it is an address; and by its beginning, where an ellipsis tells that
    it was cut off.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = {part for secret in secrets if secret for part in _parts(secret)}
        self._spelt = [_Spelt(part) for part in sorted(parts, key=len, reverse=True)]

    def __bool__(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._spelt)

    def text(self, text: str) -> str:
        """Return a text without the secrets, and without what UTF-8 can't hold."""
        text = fit_text(text)
        is_coloured = any(mark in text for mark in _COLOURED)
        for spelt in self._spelt:
            text = spelt.masked(text, is_coloured=is_coloured)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value with the secrets replaced in its texts, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            masked = copy(value)
            masked.clear()
            masked.update(self._table(value))
            return masked
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value

    def cut(self, text: str) -> int:
        """Return how far a text can be shown before it is known how it goes on.

        What stays may be the start of a secret; a secret that is whole is never cut in two.
        """
        cut = min((spelt.open_start(text) for spelt in self._spelt), default=len(text))
        while (start := self._start_across(text, cut)) is not None:
            cut = start
        return cut

    def _table(self, table: Mapping[Any, Any]) -> dict[Any, Any]:
        masked: dict[Any, Any] = {}
        for key, item in table.items():
            new = key if not isinstance(key, str) or key in WORDS else self.text(key)
            name, number = new, 1
            while name in masked:  # two secrets
                number += 1
                name = f"{new} ({number})"
            masked[name] = self.value(item)
        return masked

    def _start_across(self, text: str, cut: int) -> int | None:
        starts = (spelt.start_across(text, cut) for spelt in self._spelt)
        return next((start for start in starts if start is not None), None)


class MaskedStream:
    """A text that comes in pieces, where a secret may be spread over several of them."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._rest = ""

    def feed(self, piece: str) -> str:
        """Return what can be shown after one more piece."""
        text = self._rest + piece
        cut = self._mask.cut(text)
        self._rest = text[cut:]
        return self._mask.text(text[:cut])

    def flush(self) -> str:
        """Return what was held back."""
        rest, self._rest = self._rest, ""
        return self._mask.text(rest)


@cache
def own_mask() -> Mask:
    """Return the mask of this process's secrets, as they were when it was asked for first."""
    names = os.environ.get(SECRETS, "").split()
    return Mask([*(os.environ.get(name, "") for name in names), *passwords_in(os.environ)])


class _Spelt:
    """A secret in all its spellings."""

    def __init__(self, secret: str) -> None:
        self._characters = [_Character(each) for each in secret]
        pieces = [f"{_between(n)}{each.pattern}" for n, each in enumerate(self._characters)]
        self._pattern = re.compile("".join(pieces))
        self._beginning = re.compile("".join(pieces[:_SHORTEST_PART]))
        self._is_long = len(secret) > _SHORTEST_PART
        self._most = sum(each.longest for each in self._characters)
        run = max(re.split(r"[^0-9A-Za-z]+", secret), key=len)  # spelt in one way only
        self._probes = {run[:_PROBE], run[-_PROBE:]}  # where a line breaks, one of them is whole

    def masked(self, text: str, *, is_coloured: bool) -> str:
        """Return a text without the secret."""
        if is_coloured or any(probe in text for probe in self._probes):
            text = self._pattern.sub(MASKED, text)
        return self._without_cut(text) if self._is_long and _CUT.search(text) else text

    def open_start(self, text: str) -> int:
        """Return where a text's end may be the start of the secret, or the text's length."""
        starts = self._characters[0].starts
        for start in range(max(0, len(text) - self._most), len(text)):
            if text[start] in starts and self._follow(text, start)[1]:
                return start
        return len(text)

    def start_across(self, text: str, cut: int) -> int | None:
        """Return where a whole secret starts that goes across a place, if there is one."""
        for found in self._pattern.finditer(text, max(0, cut - self._most), cut + self._most):
            if found.start() < cut < found.end():
                return found.start()
        return None

    def _without_cut(self, text: str) -> str:
        pieces, done = [], 0
        for found in self._beginning.finditer(text):
            end = self._follow(text, found.start())[0]
            if found.start() >= done and _CUT.match(text, end):
                pieces += [text[done : found.start()], MASKED]
                done = end
        return "".join([*pieces, text[done:]])

    def _follow(self, text: str, start: int) -> tuple[int, bool]:
        """Return how far a text is the secret from a start, and whether it ends on the way."""
        ends = {start}
        for number, character in enumerate(self._characters):
            following: set[int] = set()
            for end in ends:
                at = _after(_between(number), text, end)
                if at == len(text) or _OPEN.match(text, at):
                    return len(text), True
                if character.follow(text, at, following):
                    return len(text), True
            if not following:
                return max(ends), False
            ends = following
        return max(ends), False


class _Character:
    """A character of a secret in all its spellings.

    Attributes:
        pattern: Finds any of them.
        longest: Length of the longest, and of what may stand before it.
        starts: The characters that any of them begins with.
    """

    def __init__(self, character: str) -> None:
        self._plain, self._coded = _spellings(character)
        choices = [f"{_BACKSLASH}{{0,16}}(?:{_any(self._plain)})"]
        choices += [f"{_BACKSLASH}{{1,16}}(?:{_any(self._coded)})"] if self._coded else []
        is_simple = character.isascii() and character.isalnum()
        self.pattern = character if is_simple else f"(?:{'|'.join(choices)})"
        self._is_simple = is_simple
        self.longest = 1 if is_simple else 40
        self.starts = character if is_simple else "\\%&+" + "".join({s[0] for s in self._plain})

    def follow(self, text: str, at: int, ends: set[int]) -> bool:
        """Add where it may end that starts at a place; return whether the text ends within it."""
        if self._is_simple:
            ends.update({at + 1} if text[at] == self._plain[0] else ())
            return False
        for count, start in enumerate(_after_backslashes(text, at)):
            rest = text[start : start + self.longest]
            for spelling in (*self._plain, *(self._coded if count else ())):
                if rest.startswith(spelling):
                    ends.add(start + len(spelling))
                elif spelling.startswith(rest):
                    return True
        return False


@cache
def _between(number: int) -> str:
    """Return what may stand before a character of a secret: colours, and later a line's end."""
    return "" if number == 0 else _COLOUR.pattern + "*" if number < _PROBE else _BREAK


def _after(pattern: str, text: str, at: int) -> int:
    found = re.compile(pattern).match(text, at)
    return found.end() if found else at


def _after_backslashes(text: str, at: int) -> Iterator[int]:
    """Yield the places after none, one and more backslashes."""
    yield at
    while (found := _ONE_BACKSLASH.match(text, at)) is not None:
        at = found.end()
        yield at


def _any(spellings: Iterable[str]) -> str:
    return "|".join(map(re.escape, spellings))


def _parts(secret: str) -> Iterator[str]:
    """Yield what is masked for a secret: itself, its lines, and how base64 has it."""
    stripped = secret.strip() or secret  # it is often printed without its last line break
    yield secret
    yield stripped
    smaller = [*(line.strip() for line in stripped.splitlines()), *_parts_of_url(stripped)]
    yield from (part for part in smaller if len(part) >= _SHORTEST_PART)
    for offset, unsure in ((0, 0), (1, 2), (2, 3)):  # where it may begin in what is encoded
        data = bytes(offset) + stripped.encode(errors="replace")
        encoded = base64.b64encode(data).decode().rstrip("=")
        whole = encoded[unsure : len(encoded) - (len(data) % 3 > 0)]
        if len(whole) >= _SHORTEST_PART:
            yield whole
            yield whole.translate({ord("+"): "-", ord("/"): "_"})


def _parts_of_url(secret: str) -> Iterator[str]:
    """Yield what is secret in an address, which libraries show without its beginning."""
    host, found, query = secret.partition("?")
    _, is_url, place = host.partition("://")
    if not is_url:
        return
    yield from passwords(secret)
    if found:
        yield f"/{place.partition('/')[2]}?{query}"
        yield query
        yield from (each.partition("=")[2] for each in query.split("&"))


@cache
def _spellings(character: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return how a character may be written as such, and how after a backslash; longest first."""
    if character.isascii() and character.isalnum():
        return (character,), ()
    number, data = ord(character), character.encode(errors="replace")
    units = memoryview(character.encode("utf-16-le", errors="surrogatepass")).cast("H")
    codes = [[f"u{unit:04x}" for unit in units], [f"U{number:08x}"], [f"x{b:02x}" for b in data]]
    codes += [[f"x{number:02x}"], [f"{number:03o}"]] if number < 256 else []
    coded = [separator.join(code) for code in codes for separator in _separators(code)]
    entities = list(_entities(number))
    plain = {character, *_DOUBLED.get(character, ()), *_quoted(data)}
    plain |= {before + entity for entity in entities for before in ("&", "&amp;", "%26")}
    after = {_LETTERS.get(character, "")} - {""} | {*coded, *map(_upper, coded)}
    after |= {before + entity for entity in entities for before in ("u0026", "x26")}
    return _longest_first(plain), _longest_first(after)


def _separators(code: list[str]) -> list[str]:
    """Return the backslashes between the parts of a code; before the first they are apart."""
    return ["\\", "\\\\", "\\" * 4] if len(code) > 1 else [""]


def _upper(code: str) -> str:
    return re.sub(r"(?<=[uUx])[0-9a-f]+", lambda found: found[0].upper(), code)


def _quoted(data: bytes) -> Iterator[str]:
    """Yield bytes as in URLs, also where these are within another."""
    for percent in ("%", "%25", "%2525"):
        yield "".join(f"{percent}{byte:02x}" for byte in data)
        yield "".join(f"{percent}{byte:02X}" for byte in data)


def _entities(number: int) -> Iterator[str]:
    """Yield a character as HTML and XML write it, without the ampersand before it."""
    names = [f"#{number}", f"#{number:03}", f"#x{number:x}", f"#x{number:X}"]
    names += [_NAMES[number]] if number in _NAMES else []
    yield from (f"{name};" for name in names)


def _longest_first(spellings: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(spellings, key=len, reverse=True))
