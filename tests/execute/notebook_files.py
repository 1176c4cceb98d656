from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

# A cell's tag may stand in front of its source: "#:parameters\nx = 1"; markdown is "#:md\ntext".
_MARK = "#:"


def write_notebook(
    path: Path, *sources: str, kernel: str = "python3", language: str = "python"
) -> Path:
    cells = []
    for source in sources:
        tag, text = "", source
        if source.startswith(_MARK):
            tag, _, text = source[len(_MARK) :].partition("\n")
        if tag == "md":
            cells.append(new_markdown_cell(text))
        else:
            cells.append(new_code_cell(text, metadata={"tags": [tag]} if tag else {}))
    spec = {"name": kernel, "display_name": kernel, "language": language}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": spec}), path)
    return path


def read_cells(folder: Path) -> list[Any]:
    return list(nbformat.read(folder / "notebook.ipynb", as_version=4).cells)


def cell_states(folder: Path) -> list[str]:
    return [
        cell.metadata.papermill["status"]
        for cell in read_cells(folder)
        if "papermill" in cell.metadata  # not so in papermill's error markers
    ]


def await_log(folder: Path, text: str, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    log = folder / "log.txt"
    while time.monotonic() < deadline:
        if log.exists() and text in log.read_text():
            return
        time.sleep(0.02)
    raise AssertionError(f"{text!r} did not come: {log.read_text() if log.exists() else 'no log'}")


def is_gone(pid: int, timeout_s: float = 2.0) -> bool:
    """Tell whether a process is gone, or only waits for its parent to notice."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
