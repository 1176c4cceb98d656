"""Cells have the numbers that their author sees in the template, whatever was put in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nbexp.execute import Job, NotebookExecutor
from nbexp.runs.outcome import place_of

MakeJob = Callable[..., Job]
FAILS = "def f():\n    return x.y\nf()"
EXECUTED = "(cell {} of the executed notebook)"


@pytest.mark.parametrize(
    ("sources", "cell", "number", "place"),
    [
        (["#:md\n# A", "#:parameters\nx = 1", FAILS], 4, 3, f"cell 3 of template.ipynb {EXECUTED}"),
        (["#:md\n# A", FAILS], 3, 2, f"cell 2 of template.ipynb {EXECUTED}"),  # no cell is tagged
        ([FAILS, "#:parameters\nx = 1"], 1, 1, "cell 1 of template.ipynb"),
        (["#:parameters\nx = 1", "#:injected-parameters\nx = 3", FAILS], 3, 3,
         "cell 3 of template.ipynb"),  # an executed notebook as template: its cell is replaced
    ],
)  # fmt: skip
def test_failure_leads_to_the_cell_of_the_template(
    executor: NotebookExecutor, make_job: MakeJob, *, sources, cell, number, place
) -> None:
    job = make_job(*sources, parameters={"x": 2})
    error = executor.execute(job).error
    assert error is not None
    assert (error.cell, error.template_cell, error.template) == (cell, number, "template.ipynb")
    assert place_of(vars(error)) == place.format(cell)
    log = (job.folder / "log.txt").read_text()
    assert f"--- failed in {place.format(cell)} ---" in log
    assert ("--- parameters [" in log) == (cell != number)
    assert f"--- cell {number} [" in log
    assert f"--- cell {number + 1} [" not in log


def test_line_of_another_cell_has_its_number_in_the_template(
    executor: NotebookExecutor, make_job: MakeJob
) -> None:
    sources = ("#:parameters\nx = 1", "def f():\n    return x.y", "#:md\n# A", "f()")
    error = executor.execute(make_job(*sources, parameters={"x": 2})).error
    assert error is not None
    assert error.template_cell == 4
    assert error.source.splitlines()[1] == "cell 2, line 2, in f"


def test_error_of_an_earlier_version_tells_the_cell_that_it_knows() -> None:
    assert place_of({"cell": 4}) == "cell 4 of the executed notebook"
    assert place_of({"cell": None, "template": "t.ipynb"}) == ""
    given = {"cell": 2, "template": "t.ipynb", "template_cell": None}
    assert place_of(given) == "the parameters given to t.ipynb (cell 2 of the executed notebook)"
