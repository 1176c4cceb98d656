"""Which cells of a template have changed, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path

from nbexp.files import read_bytes

_MOST = 5
_WIDTH = 60

Cell = tuple[int, str]  # its number among all cells, from 1, and its source


def cell_changes(old: Path, new: Path) -> list[str]:
    """Return which code cells differ between two notebooks, one sentence each.

    Args:
        old: The notebook as it was.
        new: The notebook as it is.

    Returns:
        The sentences; none where a file can't be read, or all code is the same.
    """
    try:
        before, after = _code_cells(old), _code_cells(new)
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return []
    found = list(_changes(before, after))
    more = [f"and {len(found) - _MOST} more cells"] if len(found) > _MOST else []
    return [*found[:_MOST], *more]


def _code_cells(path: Path) -> list[Cell]:
    cells = json.loads(read_bytes(path))["cells"]
    sources = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    return [(n, source) for n, (kind, source) in enumerate(sources, 1) if kind == "code"]


def _changes(before: Sequence[Cell], after: Sequence[Cell]) -> Iterator[str]:
    old, new = ([source for _, source in cells] for cells in (before, after))
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for was, now in zip_longest(before[i:j], after[k:m]):
            if was is None:
                yield f"cell {now[0]} of the template is new: {_line(now[1])}"
            elif now is None:
                yield f"cell {was[0]} of the template is gone: {_line(was[1])}"
            else:
                yield f"cell {now[0]} of the template changed: {_difference(was[1], now[1])}"


def _difference(old: str, new: str) -> str:
    """Return the first lines that differ between two sources."""
    pairs = zip_longest(old.splitlines(), new.splitlines(), fillvalue="")
    was, now = next(((a, b) for a, b in pairs if a != b), ("", ""))
    return f"{_line(was) or '(nothing)'} → {_line(now) or '(nothing)'}"


def _line(source: str) -> str:
    line = next((line.strip() for line in source.splitlines() if line.strip()), "")
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…"
