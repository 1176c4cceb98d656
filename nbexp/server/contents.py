"""What a notebook holds that it can be found by: parameters, what it glued, and its text."""

from __future__ import annotations

import ast
import contextlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbexp.formats import parse_notebook
from nbexp.notebook.reader import scraps
from nbexp.runs.results import flat
from nbexp.server.stores import Store, StoreEntry
from nbexp.source.code import UNPARSED

_LARGEST = 20_000_000  # bytes; of larger ones the parameters in their metadata are read alone
_END = 200_000  # bytes at the end of a large notebook, where its metadata stands
_METADATA = b'\n "metadata": '  # as nbformat writes it, in the order of the keys
_MOST_TEXT = 1_000_000  # characters of one notebook
_KEPT = 200_000_000  # characters of all that is kept in memory
_SHORT = 200  # characters of a text that was glued; longer ones are no values to search by
_MARKER = "papermill-error-cell-tag"  # a cell that papermill puts in, and pages don't number


@dataclass(frozen=True)
class CellText:
    """A text in a notebook.

    Attributes:
        cell: The number of its cell, as on the notebook's page.
        text: The text.
    """

    cell: int
    text: str


@dataclass(frozen=True)
class Contents:
    """What a notebook can be found by.

    Attributes:
        params: Its parameters, those in tables as ``optimizer.lr``.
        glued: The numbers and short texts that it glued, those in tables likewise.
        texts: Sources and outputs.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    glued: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[CellText, ...] = ()

    @property
    def size(self) -> int:
        """How many characters of memory it takes, roughly."""
        return 500 + 100 * len(self.glued) + sum(len(each.text) for each in self.texts)


class Catalogue:
    """Reads notebooks, and each anew only when it changed.

    Args:
        store: Where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[StoreEntry, Contents] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def contents(self, entry: StoreEntry) -> Contents:
        """Return what a notebook holds; nothing where it can't be read."""
        with self._lock:
            if entry in self._known:
                self._known.move_to_end(entry)
                return self._known[entry]
        try:
            found = _read_large if entry.size > _LARGEST else _read
            contents = found(self._store, entry)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            contents = Contents()  # half a file, or no notebook
        self._keep(entry, contents)
        return contents

    def _keep(self, entry: StoreEntry, contents: Contents) -> None:
        with self._lock:
            if entry not in self._known:
                self._known[entry] = contents
                self._size += contents.size
            while self._size > _KEPT:
                self._size -= self._known.popitem(last=False)[1].size


def _read(store: Store, entry: StoreEntry) -> Contents:
    content = store.read(entry.path)
    notebook = json.loads(content)
    if "cells" not in notebook:  # of an early format, if it is one at all
        notebook = parse_notebook(content, is_executed=False)
    cells = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    params = _assigned(cells, "parameters") | _assigned(cells, "injected-parameters")
    params |= _recorded(notebook.get("metadata"))
    return Contents(flat(params), _glued(cells), tuple(_texts(cells)))


def _glued(cells: list[dict[str, Any]]) -> dict[str, Any]:
    try:
        values = flat(scraps({"cells": cells}).values)
    except (AttributeError, TypeError):  # outputs of a form that none should have
        return {}
    return {name: value for name, value in values.items() if _is_short(value)}


def _is_short(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _SHORT)


def _read_large(store: Store, entry: StoreEntry) -> Contents:
    end = store.read(entry.path, entry.size - _END)
    start = end.rfind(_METADATA)
    if start < 0:
        return Contents()
    metadata = end[start + len(_METADATA) :].decode(errors="replace")
    return Contents(flat(_recorded(json.JSONDecoder().raw_decode(metadata)[0])))


def _recorded(metadata: Any) -> dict[str, Any]:
    """Return the parameters that papermill wrote down."""
    papermill = metadata.get("papermill") if isinstance(metadata, dict) else None
    params = papermill.get("parameters") if isinstance(papermill, dict) else None
    return dict(params) if isinstance(params, dict) else {}


def _assigned(cells: list[dict[str, Any]], tag: str) -> dict[str, Any]:
    """Return what the cells with a tag assign; nothing of it is run."""
    found: dict[str, Any] = {}
    for cell in cells:
        if tag not in _tags(cell):
            continue
        with contextlib.suppress(*UNPARSED):
            for node in ast.parse(_joined(cell.get("source"))).body:
                found |= _assignment(node)
    return found


def _assignment(node: ast.stmt) -> dict[str, Any]:
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    value = getattr(node, "value", None)
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    if not names or not isinstance(value, ast.expr):
        return {}
    try:
        return dict.fromkeys(names, ast.literal_eval(value))
    except (TypeError, *UNPARSED):
        return {}


def _texts(cells: list[dict[str, Any]]) -> Iterator[CellText]:
    number, left = 0, _MOST_TEXT
    for cell in cells:
        if _MARKER in _tags(cell):
            continue
        number += 1
        for text in (_joined(cell.get("source")), *_outputs(cell)):
            if text and left > 0:
                yield CellText(number, text[:left])
                left -= len(text)


def _outputs(cell: Mapping[str, Any]) -> Iterator[str]:
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        data = output.get("data")
        yield _joined(output.get("text"))
        yield _joined(data.get("text/plain")) if isinstance(data, dict) else ""
        if output.get("output_type") == "error":
            yield f"{output.get('ename')}: {output.get('evalue')}"


def _tags(cell: Mapping[str, Any]) -> list[Any]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else []


def _joined(value: Any) -> str:
    """Return a text that notebooks hold whole or as a list of lines."""
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""
