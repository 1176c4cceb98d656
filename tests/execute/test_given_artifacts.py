"""What a notebook is given by another one stays as that one left it."""

import pytest

from nbexp import artifacts
from nbexp.errors import ArtifactError
from nbexp.runs import manifest
from nbexp.states import State

CHANGE = """
import os, pathlib
path = pathlib.Path(data) / "content.txt"
seen = path.stat()
path.chmod(0o644)
path.write_text("HELLO")
os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
"""
READ = "import nbexp\nnbexp.glue('text', nbexp.load(data).read_text())"


@pytest.fixture
def given(tmp_path):
    """An artifact that a variant has left."""
    folder = tmp_path / "prepare-1"
    (folder / "artifacts").mkdir(parents=True)
    file = tmp_path / "hello.txt"
    file.write_text("hello")
    saved = artifacts.save(folder / "artifacts", "data", file)
    (folder / "notebook.ipynb").write_text('{"cells": []}')
    manifest.write(folder, manifest.parts_of(["data"], []))
    return saved.path


def test_what_is_only_read_is_the_same_afterwards(executor, make_job, given):
    outcome = executor.execute(make_job(READ, parameters={"data": str(given)}))
    assert outcome.state is State.FINISHED
    assert outcome.scraps["text"] == "hello"
    assert not (given / "content.txt").stat().st_mode & 0o222


def test_notebook_that_changes_it_fails_and_says_what_it_changed(executor, make_job, given):
    outcome = executor.execute(make_job(CHANGE, parameters={"data": str(given)}))
    assert outcome.state is State.FAILED
    assert outcome.error.name == "ArtifactError"
    for part in ("prepare-1", "artifacts/data/content.txt", "copy it first"):
        assert part in outcome.error.message


def test_what_was_changed_is_not_used(executor, make_job, given):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(given)
        exec(CHANGE, {"data": "."})
    outcome = executor.execute(make_job(READ, parameters={"nested": [{"data": str(given)}]}))
    assert (outcome.state, outcome.cells) == (State.FAILED, 0)
    assert "content.txt has another content" in outcome.error.message
    with pytest.raises(ArtifactError, match="another content"):
        artifacts.load(given)


def test_notebook_that_changes_what_it_saved_itself_fails(executor, make_job):
    job = make_job(
        "import nbexp, pathlib\nfile = pathlib.Path(nbexp.save('text', 'hello')) / 'data.txt'",
        "file.chmod(0o644)\nfile.write_text('HELLO')",
    )
    outcome = executor.execute(job)
    assert outcome.state is State.FAILED
    assert "data.txt was changed after nbexp.save" in outcome.error.message
