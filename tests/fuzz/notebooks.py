"""Notebooks of any content: as templates of a plan, in reports, in `nbexp view`, exported."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from fuzz._base import Case, Kind, expect
from fuzz.commands import call
from fuzz.mutations import as_json, mutated_bytes, mutated_value
from fuzz.projects import cell, notebook
from nbexp.errors import UsageError
from nbexp.server import LocalStore, View

_PIPELINE = """\
name = "odd"
[stages.train]
notebook = "odd.ipynb"
metric = "score"
params = { lr = { grid = [1, 2] } }
[stages.use]
notebook = "use.ipynb"
params = { x = "@train.score" }
"""
_SOURCE = "import nbexp, os, pandas as pd\nfrom .local import *\nnbexp.glue('score', lr)\n"
# Source as programs write it, and as nobody does: long, deep, odd.
_SOURCES = (
    "x = " + "1 + " * 20_000 + "1", "nbexp" + ".a" * 900 + "()", "x" + ".f()" * 450, "(" * 300,
    "not " * 9000 + "x", " " * 30_000 + "x = = 2", "if x: pass\n" + "elif x: pass\n" * 9000,
    "%time " + "-a 1 " * 3000, "%run " + "-a " * 3000, "%%bash\n" + "x" * 9000, "\0", "\ud800",
    "import nbexp\nnbexp.glue(\ud800, 1)", "x = 1\\", "?" * 9000, "a " * 9000 + "= %", "\x0c\r",
    "lr = " + "[" * 150 + "]" * 150, "import " + "a." * 2000 + "b", "from . import x\n" * 2000,
    "def f():\n" + " " * 120 + "return\n" * 3, "await x", "'" * 9001, "lambda: " * 2000 + "1",
)  # fmt: skip
_QUERIES = ("lr=1", "score>0.1", "odd", '"', "lr<", "x" * 300, "\0", "a=b c!=d")
_LARGE = 100_000_000  # characters


class Notebooks(Kind):
    """A notebook that was mutated, and whatever reads it without running it."""

    suite_cases = 40
    cpu_s = 30.0  # nbconvert takes 12 s to write 50 million lines as Markdown

    def make(self, rng: Random, folder: Path) -> Case:
        (folder / "pipeline.toml").write_text(_PIPELINE)
        (folder / "use.ipynb").write_bytes(as_json(notebook(cell("x = 0", "parameters"))))
        content = mutated_notebook(rng)
        (folder / "odd.ipynb").write_bytes(content)
        query = rng.choice(_QUERIES)
        what = f"the notebook {content[:20_000]!r} ({len(content)} bytes) and {query!r}"
        return Case(what, lambda: _check(folder, query, rng))


def _check(folder: Path, query: str, rng: Random) -> None:
    call("plan", folder / "pipeline.toml")
    if rng.random() < 0.2:
        call("export", folder / "odd.ipynb", "--format", rng.choice(("html", "md")))
    view = View(LocalStore(folder), has_boards=False)
    try:
        expect("use.ipynb" in view.browse(""), "a notebook hides another one")
        view.search("", query)
        expect("use.ipynb" in view.search("", "use"), "a notebook keeps another one from a search")
        expect("nb-cell" in view.notebook("use.ipynb"), "a notebook spoils another one's page")
        view.notebook("odd.ipynb")
    except UsageError:
        return
    finally:
        view.close()


def mutated_notebook(rng: Random, *, is_runnable: bool = False) -> bytes:
    """Return a notebook file that was mutated in its bytes or in its values."""
    whole = _whole()
    if rng.random() < 0.1:
        whole["cells"][2]["source"] = rng.choice(_SOURCES)
    chance = rng.random()
    if is_runnable or chance < 0.6:
        return as_json(mutated_value(whole, rng))
    if chance < 0.62:
        return _large(whole, rng)
    if chance < 0.66:
        whole["cells"][rng.choice((0, 1, 2))]["source"] = rng.choice(_SOURCES)
        return as_json(whole)
    if chance < 0.7:
        return as_json({**whole, "nbformat": rng.choice((0, 1, 2, 3, 5, 40, "4", None, 4.0, True))})
    if chance < 0.75:
        return as_json(_old(rng))
    return mutated_bytes(as_json(whole), rng)


def _whole() -> dict[str, Any]:
    data = {
        "text/plain": "0.5",
        "text/html": "<table><tr><td>1</td></tr></table>",
        "image/png": "iVBORw0KGgo=",
        "application/json": {"a": [1]},
        "application/vnd.plotly.v1+json": {"data": [], "layout": {}},
        "application/vnd.jupyter.widget-view+json": {"model_id": "m"},
        "application/scrapbook.scrap.json+json": {"name": "score", "data": 1, "encoder": "json"},
    }
    outputs = (
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "\x1b[31mb\x1b[0m\r"]},
        {"output_type": "execute_result", "data": data, "metadata": {"scrapbook": {"name": "s"}},
         "execution_count": 1},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[0;31mE\x1b[0m"]},
    )  # fmt: skip
    whole = notebook(
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "# One\n$x^2$\n\n- a\n",
         "attachments": {"a.png": {"image/png": "iVBORw0KGgo="}}},
        cell("lr = 1", "parameters"), cell(_SOURCE, outputs=outputs),
        {"cell_type": "raw", "id": "r", "metadata": {}, "source": ["raw", "\n"]},
    )  # fmt: skip
    state = {"m": {"model_name": "HTMLModel", "model_module": "@jupyter-widgets/controls",
                   "state": {"value": "x"}}}  # fmt: skip
    kind = "application/vnd.jupyter.widget-state+json"
    whole["metadata"]["widgets"] = {kind: {"state": state, "version_major": 2}}
    whole["metadata"]["papermill"] = {"parameters": {"lr": 1}, "duration": 1.5}
    return whole


def _large(whole: dict[str, Any], rng: Random) -> bytes:
    """Return a notebook with a text that is very large, somewhere."""
    text = rng.choice(("x" * _LARGE, "x\n" * (_LARGE // 2), "<p>" * (_LARGE // 3)))
    outputs = whole["cells"][2]["outputs"]
    match rng.randrange(4):
        case 0:
            outputs[0]["text"] = text
        case 1:
            outputs[1]["data"][rng.choice(("text/plain", "text/html"))] = text
        case 2:
            whole["cells"][0]["source"] = text[: _LARGE // 20]
        case _:
            whole["cells"][2]["source"] = f"'{text[: _LARGE // 10]}'"
    return as_json(whole)


def _old(rng: Random) -> Any:
    """Return a notebook of format 3, mutated."""
    old = {
        "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "old"},
        "worksheets": [{"metadata": {}, "cells": [
            {"cell_type": "heading", "level": 1, "source": "One", "metadata": {}},
            {"cell_type": "code", "input": ["lr = 1"], "language": "python", "collapsed": False,
             "prompt_number": 1, "metadata": {},
             "outputs": [{"output_type": "pyout", "text": ["1"], "prompt_number": 1}]},
        ]}],
    }  # fmt: skip
    return json.loads(json.dumps(mutated_value(old, rng)))
