"""The examples in what notebook authors read run, and show what they say."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import nbexp
from nbexp.new_project import write_project
from nbexp.notebook import session

NAMES = ("glue", "save", "load", "log", "loop", "checkpoint", "Stage", "Pipeline")


@pytest.mark.parametrize("name", NAMES)
def test_example_of_a_docstring_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    session.reset()
    nbexp.save("said", 1)  # where artifacts go is told once
    found = doctest.DocTestFinder(recurse=False).find(getattr(nbexp, name), name, globs={})
    assert found[0].examples, f"nbexp.{name} has no example"
    for example in found:
        failed, _ = doctest.DocTestRunner(verbose=False).run(example)
        assert not failed
