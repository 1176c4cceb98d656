"""A run forks its kernels from one parent, which starts beside Ray and ends with the run."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nbexp import RunResult

LOOK = """\
import glob, os, sys
import numpy
import nbexp
nbexp.glue("parent", os.getppid())
nbexp.glue("sockets", len(glob.glob(os.environ["XDG_RUNTIME_DIR"] + "/*/*.sock")))
nbexp.glue("breakpoint", os.environ.get("PYTHONBREAKPOINT"))
"""
PIPELINE = """
name = "warm"
[stages.forked]
notebook = "templates/look.ipynb"
params = { x = { grid = [1, 2, 3, 4] }, password = { secret = "PASSWORD" } }
[stages.ordinary]
notebook = "templates/look.ipynb"
params = { x = "@forked[*].parent" }
warm = false
"""


def run(project, sockets: Path, *options: str) -> dict[str, list[dict]]:
    environment = {
        "XDG_RUNTIME_DIR": str(sockets),
        "PYTHONBREAKPOINT": "0",
        "PASSWORD": "hunter2",  # a parent is not told, and so it is the same one for all
    }
    assert project.start(*options, environment=environment).wait(120) == 0
    found: dict[str, list[dict]] = {}
    for variant in RunResult.read(project.runs()[-1]).variants:
        found.setdefault(variant.stage, []).append(dict(variant.scraps))
    return found


@pytest.fixture
def sockets() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # sockets need a short path
        yield Path(name)


def test_kernels_of_a_run_have_one_parent(project, sockets):
    project.template("look", LOOK, parameters="x = 0\npassword = None")
    project.pipeline(PIPELINE)
    found = run(project, sockets)
    (parent,) = {each["parent"] for each in found["forked"]}
    assert {each["sockets"] for each in found["forked"]} == {1}
    assert found["ordinary"][0]["parent"] != parent
    assert {each["breakpoint"] for each in found["forked"]} == {"0"}  # not Ray's
    if psutil.pid_exists(parent):
        psutil.Process(parent).wait(5)
    assert not list(sockets.rglob("*.sock"))

    found = run(project, sockets, "--fresh", "--no-warm")
    assert {each["sockets"] for each in found["forked"]} == {0}
