"""The scripts of pages without a browser: what they make of data, and the types of these data."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import nbexp.reports
from nbexp.reports import write_report

NODE = shutil.which("node")
TESTS = sorted((Path(__file__).parent / "scripts").glob("*.test.js"))
TYPES = (Path(nbexp.reports.__file__).parent / "types" / "data.d.ts").read_text()


@pytest.mark.skipif(NODE is None, reason="needs node, version 20 or later")
@pytest.mark.parametrize("file", [pytest.param(path, id=path.name) for path in TESTS])
def test_in_node(file: Path) -> None:
    done = subprocess.run([str(NODE), "--test", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def fields(name: str) -> set[str]:
    """Return the fields of an interface, with a ``?`` where one may be missing."""
    found = re.search(rf"^interface {name}(?: extends (\w+))? {{$(.*?)^}}", TYPES, re.S | re.M)
    assert found, name
    own = set(re.findall(r"^  (\w+\??):", found[2], re.M))
    inherited = fields(found[1]) if found[1] else set()
    return own | {each for each in inherited if each.rstrip("?") not in own}


def assert_is(name: str, table: dict[str, Any]) -> None:
    known = fields(name)
    assert table.keys() <= {each.rstrip("?") for each in known}, name
    assert {each for each in known if not each.endswith("?")} <= table.keys(), name


def literals(name: str, field: str) -> set[str]:
    """Return the texts that a field may be."""
    found = re.search(rf"^interface {name} .*?^  {field}: (.*?);$", TYPES, re.S | re.M)
    assert found, field
    return set(re.findall(r'"(\w+)"', found[1]))


def embedded(page: Path, name: str) -> Any:
    """Return the JSON that a page holds for its scripts."""
    found = re.search(rf'id="{name}-data">(.*?)</script>', page.read_text())
    assert found, name
    return json.loads(found[1])


@pytest.fixture
def report(runs, small, made) -> Path:
    """Return the report of a run beside which there is another."""
    best = made("train", {"lr": 1}, metric=0.95, epochs=5)
    runs.make({"prepare-1": made("prepare"), "train-a": best})
    return write_report(runs.make(small())).index.parent


def test_types_of_the_data_are_what_pages_embed(report: Path) -> None:
    script = (report / "data" / "train.js").read_text()
    stage = json.loads(script.partition('nbexp.data["train"] = ')[2].rstrip(";\n"))
    assert_is("StageData", stage)
    assert_is("Importance", stage["importance"][0])
    assert_is("Matrix", stage["matrices"][0])
    assert_is("CurvesData", embedded(report / "variants" / "train-3.html", "stage"))
    runs = embedded(report / "compare.html", "runs")
    assert_is("RunsData", runs)
    assert_is("TableData", runs["table"])
    assert_is("BestData", runs["best"]["train"])
    assert_is("HistoryData", embedded(report / "history.html", "history")[0])
    for column in (*stage["columns"], *runs["table"]["columns"]):
        assert_is("Column", column)
        assert column["role"] in literals("Column", "role")
        assert column["kind"] in literals("Column", "kind")
