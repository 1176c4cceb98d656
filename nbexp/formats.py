"""Notebook files of any shape, as the format that is executed.

Formats 1 to 3 are converted as papermill converts them. In format 4, what Jupyter would put there
itself is added where it is missing, and what it does not know is left as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

NEWEST = 4
_NO_IDS = 4  # the newest minor format without ids of cells
_KINDS = ("code", "markdown", "raw")
_TABLES = ("kernelspec", "language_info", "papermill")


class FormatError(ValueError):
    """A file holds no notebook that could be executed; the text says why, as half a sentence."""


def read_notebook(content: bytes, *, is_executed: bool = True) -> Any:
    """Return a notebook as nbformat has it.

    Args:
        content: The file.
        is_executed: Whether it is to be executed, without the outputs that it was saved with,
            rather than shown as far as that can be done.

    Raises:
        FormatError: It can't be made a notebook of format 4.
    """
    from nbformat.v4.nbjson import JSONReader

    return JSONReader().to_notebook(parse_notebook(content, is_executed=is_executed))


def parse_notebook(content: bytes, *, is_executed: bool = True) -> dict[str, Any]:
    """Return a notebook as a table of format 4, in which nothing is missing.

    Args:
        content: The file.
        is_executed: Whether cells of unknown types are refused, and outputs, which an execution
            begins without, left out.

    Raises:
        FormatError: It can't be made a notebook of format 4.
    """
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"it holds no JSON ({error})") from None
    if not isinstance(notebook, dict) or not {"cells", "worksheets"}.intersection(notebook):
        raise FormatError("it has no list of cells")
    version = _version(notebook)
    if version > NEWEST:
        raise FormatError(f"it has format {version}, but {NEWEST} is the newest that is known")
    notebook = _converted(notebook) if version < NEWEST else notebook
    notebook = _mended(notebook)
    if is_executed:
        _check_cells(notebook["cells"])
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = [], None
    return notebook


def _version(notebook: Mapping[str, Any]) -> int:
    guess = 3 if "worksheets" in notebook else NEWEST
    version = notebook.get("nbformat", guess)
    if not isinstance(version, int) or version < 1:
        raise FormatError(f"its nbformat is {version!r}, but must be a number from 1 to {NEWEST}")
    return guess if version == NEWEST else version  # some wrote worksheets into format 4


def _converted(notebook: dict[str, Any]) -> dict[str, Any]:
    import nbformat

    table = {"metadata": {}, "nbformat_minor": 0, **notebook, "nbformat": _version(notebook)}
    try:
        read = nbformat.reader.reads(json.dumps(table))
        return dict(nbformat.from_dict(nbformat.convert(read, NEWEST)))
    except Exception as error:  # they check little
        text = f"{type(error).__name__}: {error}".splitlines()[0]
        raise FormatError(
            f"it can't be converted from format {_version(notebook)} ({text})"
        ) from None


def _mended(notebook: dict[str, Any]) -> dict[str, Any]:
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise FormatError("its cells are no list of tables")
    metadata = dict(_table(notebook, "metadata"))
    for name in _TABLES:
        if not isinstance(metadata.get(name, {}), dict):
            del metadata[name]
    minor = notebook.get("nbformat_minor")
    return {
        **notebook,
        "nbformat": NEWEST,
        "nbformat_minor": minor if isinstance(minor, int) else _NO_IDS,
        "metadata": metadata,
        "cells": list(map(_mended_cell, cells)),
    }


def _check_cells(cells: list[dict[str, Any]]) -> None:
    for number, cell in enumerate(cells, 1):
        if (kind := cell.get("cell_type")) not in _KINDS:
            known = "code, markdown and raw are known"
            raise FormatError(f"cell {number} is of the type {kind!r}, but {known}")


def _mended_cell(cell: dict[str, Any]) -> dict[str, Any]:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(map(str, source))
    metadata = dict(_table(cell, "metadata"))
    if "tags" in metadata:
        metadata["tags"] = _tags(metadata["tags"])
    mended = {**cell, "source": str(source), "metadata": metadata}
    if not isinstance(cell.get("id", ""), str):
        del mended["id"]
    if cell.get("cell_type") == "code":
        count, outputs = cell.get("execution_count"), cell.get("outputs")
        mended["execution_count"] = count if isinstance(count, int) else None
        mended["outputs"] = list(filter(_is_output, outputs)) if isinstance(outputs, list) else []
    return mended


def _tags(tags: Any) -> list[str]:
    return [str(tag) for tag in (tags if isinstance(tags, list) else [tags]) if tag is not None]


def _is_output(output: Any) -> bool:
    kinds = ("stream", "display_data", "execute_result", "error")
    return isinstance(output, dict) and output.get("output_type") in kinds


def _table(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}
