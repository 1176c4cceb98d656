"""The cells of a template that changed, in words."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from nbexp.source.changes import cell_changes


def write(path: Path, *sources: str) -> Path:
    cells = [
        nbformat.v4.new_markdown_cell(each) if each[:1] == "#" else nbformat.v4.new_code_cell(each)
        for each in sources
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (["x = 1", "y"], ["x = 2", "y"], ["cell 1 of the template changed: x = 1 → x = 2"]),
        (["# title", "a\nb"], ["# title", "a\nc"], ["cell 2 of the template changed: b → c"]),
        (["a"], ["a", "# text", "b"], ["cell 3 of the template is new: b"]),
        (["a", "b"], ["b"], ["cell 1 of the template is gone: a"]),
        (["a\nb"], ["a"], ["cell 1 of the template changed: b → (nothing)"]),
        (["a", "# old"], ["a", "# new"], []),
        (list("abcdefg"), list("ABCDEFG"), None),
    ],
)
def test_changed_cells_are_named(
    tmp_path: Path, old: list[str], new: list[str], expected: list[str] | None
) -> None:
    changes = cell_changes(write(tmp_path / "old.ipynb", *old), write(tmp_path / "new.ipynb", *new))
    if expected is None:
        assert len(changes) == 6
        assert changes[-1] == "and 2 more cells"
    else:
        assert changes == expected


def test_notebook_that_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    assert cell_changes(tmp_path / "none.ipynb", write(tmp_path / "new.ipynb", "a")) == []
