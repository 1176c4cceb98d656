"""The text cells of an executed notebook, replaced by those of another one of the same code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbexp.files import write_atomic

_INJECTED = "injected-parameters"


def take_texts(executed: Path, template: Path, source: Path) -> None:
    """Give an executed notebook the text cells of a template with the same code cells.

    Args:
        executed: The executed notebook; it is written anew.
        template: The template's own path, which the notebook names as its source.
        source: The file to read the template from.

    Raises:
        OSError: A file can't be read or written.
        ValueError: One of them holds no notebook, or they have other code cells.
    """
    notebook, other = (json.loads(path.read_bytes()) for path in (executed, source))
    notebook["cells"] = list(_merged(notebook["cells"], other["cells"]))
    papermill = notebook.get("metadata", {}).get("papermill", {})
    papermill |= {"input_path": str(template), "output_path": str(executed)}
    write_atomic(executed, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _merged(executed: list[dict[str, Any]], template: list[dict[str, Any]]) -> Iterator[Any]:
    code = [cell for cell in executed if cell["cell_type"] == "code"]
    before = dict(_injected(code))
    own = iter([cell for cell in code if not _is_injected(cell)])
    count = 0
    if 0 in before:
        yield before[0]
    for cell in template:
        if cell["cell_type"] != "code":
            yield cell
            continue
        yield next(own)
        count += 1
        if count in before:
            yield before[count]
    if next(own, None) is not None:
        raise ValueError("the executed notebook has more code cells than its template")


def _injected(code: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the cells that papermill put in, with the number of the template's own before them."""
    count = 0
    for cell in code:
        if _is_injected(cell):
            yield count, cell
        else:
            count += 1


def _is_injected(cell: dict[str, Any]) -> bool:
    return _INJECTED in cell.get("metadata", {}).get("tags", [])
