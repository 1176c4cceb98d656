"""Variants that write one file and read it back: told where they meet, apart where they don't."""

from __future__ import annotations

import pytest

import nbexp
from nbexp import State

WRITE = """\
import time, nbexp
open("out.txt", "w").write(str(k))
time.sleep(0.5)
nbexp.glue("value", int(open("out.txt").read()))
"""
PIPELINE = """\
name = "race"
[stages.s]
notebook = "templates/write.ipynb"
params = { k = { grid = [1, 2, 3] } }
"""


@pytest.mark.usefixtures("ray_cluster")
def test_variants_that_write_one_file_are_told_of_and_cwd_keeps_them_apart(
    project, recorder
) -> None:
    project.template("write", WRITE, parameters="k = 0")
    pipeline = nbexp.Pipeline.from_toml(project.pipeline(PIPELINE))
    assert pipeline.run(listeners=[recorder]).state is State.FINISHED
    (warning,) = recorder.of("warning")
    expected = "3 variants of s wrote the same file templates/out.txt, and one may have got"
    assert warning.data["message"].startswith(expected)
    assert 'cwd = "variant" in [stages.s]' in warning.data["message"]
    (planned,) = pipeline.plan().stages
    assert planned.warning.startswith("its variants write the same file templates/out.txt")

    recorder.events.clear()
    apart = nbexp.Pipeline.from_toml(project.pipeline(PIPELINE + 'cwd = "variant"\n'))
    variants = apart.run(listeners=[recorder]).stage("s")
    assert [v.scraps["value"] for v in variants] == [v.params["k"] for v in variants] == [1, 2, 3]
    assert recorder.of("warning") == []
    assert apart.plan().stages[0].warning == ""
