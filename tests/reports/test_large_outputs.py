"""Outputs and logs of any size: a report stays as large as the notebook, and its pages small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from nbexp.metrics import Entry
from nbexp.reports import write_report
from nbexp.reports.tables import curves

LINE = "x" * 99 + "\n"
LINES = 210_000


@pytest.fixture(scope="module")
def notebook() -> Any:
    stream = new_output("stream", name="stdout", text=LINE * LINES)
    table = new_output("display_data", {"text/html": f"<table>{'<tr><td>1' * 2_500_000}</table>"})
    return new_notebook(cells=[new_code_cell("big()", outputs=[stream, table])])


def test_outputs_and_logs_that_are_too_large_are_left_to_the_notebook(
    runs, made, notebook: Any
) -> None:
    run = runs.make({"train-1": made("train", notebook=notebook)})
    folder = run / "variants" / "train-1"
    (folder / "log.txt").write_text(LINE * LINES + "the end\n")
    report = write_report(run).index.parent
    page = (report / "variants" / "train-1.html").read_text()
    assert "All 210,001 lines are in <a" in page
    assert "This output is too large for a page (22.5 MB): <a" in page
    assert page.count('href="../files/train-1/notebook.ipynb"') == 3  # with the list of files
    assert "… 209501 lines before; the file has them …" in page
    assert "the end" in page
    assert "stays in the run&#39;s folder" in page.replace("'", "&#39;")
    sizes = [path.stat().st_size for path in report.rglob("*") if path.is_file()]
    assert sum(sizes) < (folder / "notebook.ipynb").stat().st_size + 1_500_000


def test_log_without_lines_is_cut(runs, made) -> None:
    run = runs.make({"train-1": made("train")})
    (run / "variants" / "train-1" / "log.txt").write_text("." * 15_000_000)
    report = write_report(run).index.parent
    assert (report / "variants" / "train-1.html").stat().st_size < 1_100_000


def test_server_leaves_them_to_the_notebook_too(runs, made, notebook: Any, tmp_path: Path) -> None:
    from nbexp.server import LocalStore, View

    run = runs.make({"train-1": made("train", notebook=notebook)})
    view = View(LocalStore(run / "variants"), has_boards=False)
    try:
        page = view.notebook("train-1/notebook.ipynb")
    finally:
        view.close()
    assert page.count('<a href="/raw/train-1/notebook.ipynb" download>the notebook</a>') == 2


def test_curve_of_many_points_keeps_its_peaks_and_ends() -> None:
    values = [100.0 if step == 50_123 else step / 100_000 for step in range(100_000)]
    values[70_001] = float("nan")
    logged = [Entry(0.0, step, {"loss": value}, {}) for step, value in enumerate(values)]
    ((steps, kept),) = curves([logged])["loss"]
    assert len(steps) < 21_000
    assert (steps[0], steps[-1]) == (0, 99_999)
    assert kept[steps.index(50_123)] == 100.0
    assert kept[steps.index(70_001)] == "nan"
    assert steps == sorted(set(steps))
