"""The search over notebooks: by name, by parameter, by what was glued, and by text."""

from __future__ import annotations

import ast
import operator
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbexp.server.contents import Catalogue, Contents
from nbexp.server.stores import StoreEntry
from nbexp.source.code import UNPARSED
from nbexp.wording import number_text

_CONDITION = re.compile(r"([A-Za-z_][\w.]*)(<=|>=|!=|==|=|<|>)(.+)", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_AROUND = 60  # characters shown on each side of what matched


@dataclass(frozen=True)
class Match:
    """Where something matched.

    Attributes:
        where: ``name``, ``parameter``, ``glued`` or ``cell 3``.
        before: The text before it.
        match: What matched.
        after: The text after it.
        cell: The number of the cell, if it is in one.
    """

    where: str
    before: str
    match: str
    after: str
    cell: int | None = None


@dataclass(frozen=True)
class Hit:
    """A notebook that was found.

    Attributes:
        entry: The notebook.
        places: Where it matched, one for each condition and each word.
    """

    entry: StoreEntry
    places: tuple[Match, ...]


@dataclass(frozen=True)
class Condition:
    """What a parameter, or a value that was glued, must be.

    Attributes:
        name: Its name, such as ``lr`` or ``optimizer.lr``.
        relation: Such as ``<``.
        value: What it is compared with.
    """

    name: str
    relation: str
    value: Any

    def holds(self, value: Any) -> bool:
        """Whether a value fulfils it."""
        wanted = self.value
        if isinstance(value, bool) or isinstance(wanted, bool) or not _is_number(value):
            value, wanted = str(value).lower(), str(wanted).lower()
            if self.relation in ("<", "<=", ">", ">="):
                return False  # order is for numbers
        elif not _is_number(wanted):
            return self.relation == "!="
        return _COMPARE[self.relation](value, wanted)


@dataclass(frozen=True)
class Query:
    """What is searched for; all of it must match.

    Attributes:
        words: Each stands in the notebook's path, in a source or in a text output.
        conditions: Each holds for a parameter, or for a value that was glued.
    """

    words: tuple[str, ...]
    conditions: tuple[Condition, ...]

    @classmethod
    def read(cls, text: str) -> Query:
        """Return the query that someone typed: ``word "two words" lr<0.01 accuracy>0.9``."""
        try:
            parts = shlex.split(text)
        except ValueError:  # a quote that was not closed
            parts = text.split()
        found = [_CONDITION.fullmatch(part) for part in parts]
        return cls(
            tuple(part.lower() for part, match in zip(parts, found, strict=True) if not match),
            tuple(Condition(m[1], m[2], _value(m[3])) for m in found if m),
        )

    def match(self, entry: StoreEntry, contents: Contents) -> Hit | None:
        """Return where a notebook matches; None if not all does."""
        places: list[Match] = []
        for condition in self.conditions:
            found = _value_in("parameter", contents.params, condition)
            found = found or _value_in("glued", contents.glued, condition)
            if found is None:
                return None
            places.append(found)
        for word in self.words:
            place = _text_in(word, entry, contents)
            if place is None:
                return None
            places.append(place)
        return Hit(entry, tuple(places))


def search(query: Query, notebooks: Iterator[StoreEntry], catalogue: Catalogue) -> Iterator[Hit]:
    """Yield the notebooks that match, in their order."""
    for entry in notebooks:
        if hit := query.match(entry, catalogue.contents(entry)):
            yield hit


def _value_in(where: str, values: Mapping[str, Any], condition: Condition) -> Match | None:
    """Return the value that fulfils a condition; the end of its name will do."""
    for name, value in values.items():
        is_named = name == condition.name or name.endswith(f".{condition.name}")
        if is_named and condition.holds(value):
            shown = number_text(value) if isinstance(value, float) else str(value)
            return Match(where, "", f"{name} = {shown}", "")
    return None


def _text_in(word: str, entry: StoreEntry, contents: Contents) -> Match | None:
    """Return where a word stands first; what is written there tells more than the name."""
    for each in contents.texts:
        if word in each.text.lower():
            return _place(f"cell {each.cell}", each.text, word, each.cell)
    return _place("name", entry.path, word, None) if word in entry.path.lower() else None


def _place(where: str, text: str, word: str, cell: int | None) -> Match:
    at = text.lower().index(word)
    end = at + len(word)
    before, after = text[max(0, at - _AROUND) : at], text[end : end + _AROUND]
    if cell is not None:  # the line alone
        before, after = before.rpartition("\n")[2].lstrip(), after.partition("\n")[0]
    return Match(where, before, text[at:end], after, cell)


def _value(text: str) -> Any:
    """Return what someone wrote as a value: a number, ``true``, or a text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except UNPARSED:
        return text


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
