"""Notebook files of every format, and of shapes that no format has."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest

from nbexp.formats import FormatError, parse_notebook, read_notebook

SPEC = {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}}


def cell(source: Any, *tags: str, **more: Any) -> dict[str, Any]:
    made = {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source,
            "outputs": [], "execution_count": None, **more}  # fmt: skip
    return {key: value for key, value in made.items() if value is not ...}


def old_cell(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "collapsed": False, "language": "python", "outputs": [],
            "input": [source], **more}  # fmt: skip


def notebook(*more_cells: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = {"cells": [cell("a = 1", "parameters"), *more_cells], "metadata": SPEC,
            "nbformat": 4, "nbformat_minor": 5, **more}  # fmt: skip
    return {key: value for key, value in made.items() if value is not ...}


def sheets(*cells: dict[str, Any], **more: Any) -> dict[str, Any]:
    worksheets = [{"metadata": {}, "cells": [each]} for each in cells]
    return {"metadata": {"name": "old"}, "worksheets": worksheets, **more}


OUTPUT = {"output_type": "pyout", "prompt_number": 1, "text": ["1"]}
TAGGED = old_cell("a = 1", metadata={"tags": ["parameters"]})
HEADING = {"cell_type": "heading", "level": 1, "source": ["T"], "metadata": {}}
SHAPES = {
    "format 1": {"nbformat": 1, "cells": [{"cell_type": "code", "code": "a = 1"}]},
    "format 2": sheets(old_cell("a = 1"), nbformat=2),
    "format 3": sheets(TAGGED, HEADING, nbformat=3, nbformat_minor=0),
    "format 3, worksheets": sheets(TAGGED, old_cell("a", outputs=[OUTPUT]), nbformat=3),
    "worksheets of no format": sheets(TAGGED),
    "minor 0": notebook(nbformat_minor=0),
    "no minor": notebook(nbformat_minor=...),
    "no format": notebook(nbformat=..., nbformat_minor=...),
    "unknown fields": notebook(cell("x", future=1), future=[1], nbformat_minor=99),
    "no kernel": notebook(metadata={"kernelspec": None, "language_info": 3}),
    "no metadata": notebook(metadata=...),
    "metadata null": notebook(cell("x", metadata=None), metadata=None),
    "bare cell": notebook(cell(..., metadata=..., outputs=..., execution_count=...)),
    "odd outputs": notebook(
        cell("x", outputs=[{"output_type": "odd"}, 3]), cell("y", outputs=None)
    ),
    "tags a text": notebook(
        cell("x", metadata={"tags": "skip"}), cell("y", metadata={"tags": None})
    ),
    "odd ids": notebook(
        cell("x", id=7), cell("y", id="a b/c"), cell("z", id="a"), cell("z", id="a")
    ),
    "lines": notebook(cell(["x = 1\n", "y = 2"])),
}


@pytest.mark.parametrize("name", SHAPES)
def test_notebook_of_any_shape_is_read(name: str) -> None:
    content = json.dumps(SHAPES[name]).encode("utf-8-sig")
    executed = parse_notebook(content)
    read = parse_notebook(content, is_executed=False)
    assert [each["source"] for each in executed["cells"]] == [c["source"] for c in read["cells"]]
    assert (read["nbformat"], read["cells"][0]["source"]) == (4, "a = 1")
    for each in read["cells"]:
        assert isinstance(each["source"], str)
        assert isinstance(each["metadata"].get("tags", []), list)
        if each["cell_type"] == "code":
            assert each["outputs"] == [] or each["outputs"][0]["output_type"] == "execute_result"
    if name not in ("format 1", "format 2"):  # they have no tags
        assert read["cells"][0]["metadata"]["tags"] == ["parameters"]


def test_notebook_in_order_is_read_as_it_is() -> None:
    given = notebook(
        cell("x", id="b", outputs=[{"output_type": "stream", "name": "stdout", "text": "1"}])
    )
    given["cells"][0]["id"] = "a"
    nbformat.validate(nbformat.from_dict(given))
    assert parse_notebook(json.dumps(given).encode(), is_executed=False) == given


def test_saved_outputs_are_no_part_of_what_is_executed() -> None:
    lines = {"output_type": "stream", "name": "stdout", "text": "x\n" * 1_000}
    given = notebook(cell("x", id="b", outputs=[lines], execution_count=7))
    saved = parse_notebook(json.dumps(given).encode())["cells"][1]
    assert (saved["outputs"], saved["execution_count"]) == ([], None)


def test_cell_of_an_unknown_type_is_shown_but_not_executed() -> None:
    content = json.dumps(notebook({"cell_type": "sql", "source": ["x\n", "y"]})).encode()
    assert read_notebook(content, is_executed=False).cells[1].source == "x\ny"
    with pytest.raises(FormatError):
        read_notebook(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "it holds no JSON"),
        ("[" * 100_000, "it holds no JSON"),
        ("[]", "it has no list of cells"),
        ({"cells": 3}, "its cells are no list of tables"),
        (notebook(nbformat=5), "it has format 5, but 4 is the newest that is known"),
        (notebook(nbformat="4"), "its nbformat is '4', but must be a number from 1 to 4"),
        (notebook({"cell_type": "sql"}), "cell 2 is of the type 'sql', but code, markdown and raw"),
        (sheets({"source": "x"}, nbformat=3), "it can't be converted from format 3"),
    ],
)
def test_what_can_not_be_executed_is_refused_with_a_reason(content: Any, message: str) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(FormatError, match=message):
        parse_notebook(text.encode())
