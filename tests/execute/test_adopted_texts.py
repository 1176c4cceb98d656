"""An executed notebook with the text cells of another template of the same code."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from nbexp.execute.texts import take_texts


def write(path: Path, *cells: str) -> Path:
    """Write a notebook; a cell that begins with ``#`` is text, with ``+`` injected parameters."""
    notebook = nbformat.v4.new_notebook(metadata={"papermill": {"input_path": "old"}})
    for text in cells:
        cell = nbformat.v4.new_code_cell(text.lstrip("+"))
        if text.startswith("#"):
            cell = nbformat.v4.new_markdown_cell(text)
        if text.startswith("+"):
            cell.metadata.tags = ["injected-parameters"]
        if path.stem == "executed" and cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="seen\n")]
        notebook.cells.append(cell)
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize(
    ("executed", "template", "expected"),
    [
        (["# old", "x", "+x = 2", "y"], ["# new", "x", "y"], ["# new", "x", "x = 2", "y"]),
        (["+x = 2", "# old", "y"], ["# new", "y", "# end"], ["x = 2", "# new", "y", "# end"]),
        (["x", "y"], ["x", "# between", "y"], ["x", "# between", "y"]),
        (["# only"], ["# other"], ["# other"]),
    ],
)
def test_text_cells_are_those_of_the_template(
    tmp_path: Path, executed: list[str], template: list[str], expected: list[str]
) -> None:
    target = write(tmp_path / "executed.ipynb", *executed)
    source = write(tmp_path / "template.ipynb", *template)
    take_texts(target, tmp_path / "north.ipynb", source)
    merged = nbformat.read(target, 4)
    nbformat.validate(merged)
    assert [cell.source for cell in merged.cells] == expected
    assert all(cell.outputs for cell in merged.cells if cell.cell_type == "code")
    assert json.loads(target.read_text())["metadata"]["papermill"] == {
        "input_path": str(tmp_path / "north.ipynb"),
        "output_path": str(target),
    }


def test_notebook_of_other_code_is_left_as_it_is(tmp_path: Path) -> None:
    target = write(tmp_path / "executed.ipynb", "x", "y")
    before = target.read_bytes()
    with pytest.raises(ValueError, match="more code cells"):
        take_texts(target, target, write(tmp_path / "template.ipynb", "x"))
    assert target.read_bytes() == before
