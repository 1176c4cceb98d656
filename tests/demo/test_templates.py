"""Every template that ships is a notebook to read, to run by hand, and to commit."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

REPOSITORY = Path(__file__).parents[2]
TEMPLATES = sorted((REPOSITORY / "templates").glob("*.ipynb"))


@pytest.fixture(params=TEMPLATES, ids=lambda path: path.stem)
def template(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_template_is_a_clean_notebook_with_parameters(template: Path) -> None:
    notebook = nbformat.read(template, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]

    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown"
    assert ["parameters"] in [cell.metadata.get("tags") for cell in code]
    assert not any(cell.outputs or cell.execution_count for cell in code)


def test_template_runs_by_hand_with_its_defaults(template: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(template, as_version=4)
    for module in template.parent.glob("*.py"):
        shutil.copy(module, tmp_path)

    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
