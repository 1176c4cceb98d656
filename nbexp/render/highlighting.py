"""Source code with its syntax in colours."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST = 60_000  # characters; longer source is shown without colours
_LONGEST_LINE = 4_000
_SHORT_LINES = 28  # lines that fit a block of text output
_WIDE = re.compile(r"[^\n]{45}")  # what a phone can't show without scrolling
_LONG = re.compile(rf"[^\n]{{{_LONGEST_LINE}}}")


def highlight(source: str, language: str) -> str:
    """Return source as HTML, with Pygments' short classes; without colours where it is huge."""
    if len(source) > _LONGEST or _LONG.search(source):
        return escape(source, quote=False)
    return _highlighted(source, language)


@lru_cache(maxsize=2_048)
def _highlighted(source: str, language: str) -> str:
    import pygments
    from pygments.formatters import HtmlFormatter

    lexer = _lexer(language)
    if lexer is None:
        return escape(source, quote=False)
    return str(pygments.highlight(source, lexer, HtmlFormatter(nowrap=True)))


@lru_cache(maxsize=64)
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


def focusable(text: str) -> str:
    """Return the attribute by which a block that may have to scroll is reached by keyboard."""
    is_tall = text.count("\n") > _SHORT_LINES
    return ' tabindex="0"' if is_tall or _WIDE.search(text) else ""


def language_of(metadata: Mapping[str, Any]) -> str:
    """Return the name by which Pygments knows a notebook's language, or ``text``."""
    info, kernel = _table(metadata, "language_info"), _table(metadata, "kernelspec")
    named = (info.get("pygments_lexer"), info.get("name"), kernel.get("language"))
    names = [name.lower() for name in named if isinstance(name, str)]
    return next((name for name in names if _lexer(name) is not None), "text")


def _table(metadata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = metadata.get(name)
    return found if isinstance(found, dict) else {}


@lru_cache(maxsize=1)
def token_classes() -> frozenset[str]:
    """Return the classes that highlighted source may have."""
    from pygments.token import STANDARD_TYPES

    return frozenset(filter(None, STANDARD_TYPES.values()))
