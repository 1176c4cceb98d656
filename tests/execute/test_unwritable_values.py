"""Values that JSON or UTF-8 can't hold reach the notebook, or end in an error at their cell."""

import json
import math

import pytest

from nbexp.files import read_json
from nbexp.states import State

PARAMS = {
    "clip": math.inf,
    "nested": [{"a": math.nan, "b": [-math.inf, -0.0, 3.0, 2**80]}],
    "text": "caf\udce9",
}
SHOW = """
import nbexp
from IPython.display import display
nbexp.glue("reprs", [repr(clip), repr(nested)])
figure = {"data": [{"y": [float("nan"), 1]}]}
display({"application/vnd.plotly.v1+json": figure, "text/plain": "figure"}, raw=True)
"""


def strict(path):
    """Return what a notebook holds for those who read JSON as its standard says."""
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def test_notebook_with_numbers_that_are_not_finite_is_strict_json(executor, make_job):
    outcome = executor.execute(job := make_job(SHOW, parameters=PARAMS))
    assert outcome.state is State.FINISHED
    assert outcome.scraps["reprs"] == [
        "inf",
        "[{'a': nan, 'b': [-inf, -0.0, 3.0, 1208925819614629174706176]}]",
    ]
    notebook = strict(job.folder / "notebook.ipynb")
    assert notebook["metadata"]["papermill"]["parameters"] == {
        "clip": "inf",
        "nested": [{"a": "nan", "b": ["-inf", -0.0, 3.0, 2**80]}],
        "text": "caf?",
    }
    mime = "application/vnd.plotly.v1+json"
    data = [output.get("data", {}) for cell in notebook["cells"] for output in cell["outputs"]]
    assert [each[mime]["data"] for each in data if mime in each] == [[{"y": ["nan", 1]}]]


HALVES = """
import os, pathlib
import nbexp
from IPython.display import HTML, display
low, high = "caf\\udce9", "caf\\ud800"
print(low, high)
display(HTML(high))
nbexp.log("text", high)
nbexp.save("text", [low, high])
pathlib.Path("folder").mkdir()
open(os.fsencode("folder") + b"/caf\\xe9", "w").close()
nbexp.save("folder", pathlib.Path("folder"))
nbexp.glue("done", True)
"""


def test_text_on_its_way_is_written_with_replacement(executor, make_job):
    outcome = executor.execute(job := make_job(HALVES, "raise ValueError(high)"))
    assert outcome.scraps == {"done": True}
    assert sorted(outcome.artifacts) == ["folder", "text"]
    assert (outcome.error.name, outcome.error.message) == ("ValueError", "caf?")
    assert "caf" in (job.folder / "log.txt").read_text()
    strict(job.folder / "notebook.ipynb")
    assert read_json(job.folder / "result.json")["state"] == "failed"


PUBLISH = """
from IPython.display import display
def publish(name, data):  # as scrapbook does
    scrap = {"name": name, "data": data, "encoder": "json", "version": 1}
    display({"application/scrapbook.scrap.json+json": scrap}, raw=True)
"""
DEEP = "deep = []\nfor _ in range(400):\n    deep = [deep]\n"


REFUSED = [
    ("nbexp.glue('name', 'caf\\udce9')", "scrap 'name': the text 'caf\\udce9' holds '\\udce9'"),
    ("nbexp.glue('it', [{'\\ud800': 1}])", "scrap 'it', item 0, a key: the text '\\ud800'"),
    ("nbexp.glue('\\udce9', 1)", "the name of a scrap: the text '\\udce9'"),
    ("publish('it', {'a': 'caf\\udce9'})", "A glued value holds half of a character"),
    ("nbexp.log('\\udce9', 1.0)", "a name must be a text in UTF-8, but is '\\udce9'"),
    ("nbexp.save('\\udce9', 1)", "can't be the name of an artifact"),
    ("nbexp.glue('it', 10**5000)", "a whole number of 16,610 bits is too large"),
    (DEEP + "nbexp.glue('it', deep)", "nested too deeply"),
]
TRY = """
def told(code):
    try:
        exec(code, {"nbexp": nbexp, "publish": publish})
    except Exception as error:
        return str(error).encode("ascii", "backslashreplace").decode()
"""


def test_value_that_can_not_be_written_is_an_error_where_it_is_given(executor, make_job):
    codes = [code for code, _ in REFUSED]
    cells = [f"import nbexp\n{PUBLISH}{TRY}"]
    cells += [f"told_{n} = told({code!r})" for n, code in enumerate(codes)]
    cells += [f"nbexp.glue('told', [{', '.join(f'told_{n}' for n in range(len(codes)))}])"]
    outcome = executor.execute(make_job(*cells))
    assert outcome.state is State.FINISHED
    assert list(outcome.scraps) == ["told"]
    told = outcome.scraps["told"]
    missing = [m for (_, m), text in zip(REFUSED, told, strict=True) if m not in (text or "")]
    assert not missing, told


def test_scraps_that_are_too_deep_for_files_are_told(executor, make_job):
    code = f"{DEEP}{PUBLISH}\npublish('it', deep)\npublish('other', 1)"
    outcome = executor.execute(make_job(code))
    assert outcome.state is State.FINISHED
    assert outcome.scraps == {"other": 1}
    assert "could not be read: it" in outcome.note
