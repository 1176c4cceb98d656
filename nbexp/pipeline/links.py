"""Links: parameters that take their value from an earlier stage, such as ``@train.model``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_NAME = r'[A-Za-z_][\w-]*|"[^"]+"'
_LINK = re.compile(
    rf"@(?P<stage>[A-Za-z_][\w-]*)(?P<gather>\[(?:\*|all)\])?"
    rf"(?:\.(?P<name>{_NAME})(?P<path>(?:\.(?:{_NAME})|\[-?\d+\])*))?"
)
_STEP = re.compile(rf"\.(?P<key>{_NAME})|\[(?P<index>-?\d+)\]")

FORMS = (
    "@stage.scrap, @stage.scrap.key[0], @stage.params.NAME, @stage.notebook, "
    "@stage[*].scrap, @stage[all].scrap, @stage[all]; @params.NAME; @@ is a literal @"
)


class Gather(StrEnum):
    """Which variants of a stage a link gathers into one list."""

    KEPT = "*"
    ALL = "all"


@dataclass(frozen=True)
class Link:
    """A link to a stage's variants.

    Attributes:
        text: The link as written.
        stage: Name of the stage, or ``params`` for the pipeline's own values.
        gather: None for one variant, else which variants to list.
        name: ``params``, ``notebook``, or name of a scrap or artifact; None for records.
        path: Keys and indices into the value.
    """

    text: str
    stage: str
    gather: Gather | None
    name: str | None
    path: tuple[str | int, ...]


def is_link(value: Any) -> bool:
    """Whether a value is written as a link."""
    return isinstance(value, str) and value.startswith("@") and not value.startswith("@@")


def parse_link(text: str) -> Link | None:
    """Return the link that a text stands for, or None where it is malformed."""
    match = _LINK.fullmatch(text)
    if match is None:
        return None
    gather = Gather(match["gather"][1:-1]) if match["gather"] else None
    if match["name"] is None and gather is None:
        return None
    name = match["name"].strip('"') if match["name"] else None
    steps = _STEP.finditer(match["path"] or "")
    path = tuple(int(s["index"]) if s["index"] else s["key"].strip('"') for s in steps)
    return Link(text, match["stage"], gather, name, path)


def follow(value: Any, path: tuple[str | int, ...]) -> Any:
    """Return the part of a value that a path leads to.

    Raises:
        LookupError: There is no such part; the message says where the path ends.
    """
    for depth, step in enumerate(path):
        try:
            value = _step(value, step)
        except (LookupError, TypeError):
            reached = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in path[:depth])
            known = f"its keys are {', '.join(map(str, value))}" if isinstance(value, dict) else ""
            size = f"it has {len(value)} items" if isinstance(value, list) else ""
            what = known or size or f"it is {value!r}"
            raise LookupError(f"no {step!r} in the value{reached}: {what}") from None
    return value


def _step(value: Any, step: str | int) -> Any:
    if isinstance(value, str):  # a letter of a text is hardly what is meant
        raise TypeError(value)
    return value[step]
