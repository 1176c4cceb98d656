"""Runs that outlive whoever started them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nbexp import State
from nbexp.errors import UsageError
from nbexp.runs.request import RunRequest
from nbexp.runs.run import Runs
from nbexp.runs.starting import start

TRAIN = """\
import os, time, nbexp
while not os.path.exists("go"):
    time.sleep(0.05)
nbexp.glue("x", x)
"""


@pytest.fixture
def waiting(project, monkeypatch: pytest.MonkeyPatch):
    """A project whose notebook waits for a file."""
    monkeypatch.setenv("RAY_ADDRESS", "local")
    project.template("train", TRAIN, parameters="x = 0")
    project.pipeline(
        'name = "apart"\n[stages.train]\nnotebook = "templates/train.ipynb"\nparams = { x = 1 }\n'
    )
    return project


def test_run_outlives_the_command_that_started_it(waiting) -> None:
    command = [sys.executable, "-m", "nbexp", "run", "--detach", "--set", "train.x=7"]
    done = subprocess.run(command, cwd=waiting.folder, capture_output=True, text=True, check=True)
    (run,) = Runs(waiting.folder)
    assert done.stdout.startswith(f"{run.id} goes on by itself")
    assert run.is_alive
    (waiting.folder / "templates" / "go").touch()
    assert list(run.follow())[-1].kind.value == "run_ended"
    (variant,) = run.variants.values()
    assert (run.state, variant.scraps) == (State.FINISHED, {"x": 7})
    assert "✓ train-" in run.folder.output.read_text()


def test_run_is_started_from_python_and_stopped(waiting) -> None:
    run = start(RunRequest(waiting.file))
    for event in run.follow():
        if event.kind.value == "variant_started":
            assert run.stop().is_done
    assert run.state is State.STOPPED


def test_what_can_not_run_is_told_as_the_command_tells_it(waiting) -> None:
    with pytest.raises(UsageError, match="has no parameter 'y'"):
        start(RunRequest(waiting.file, sets=("train.y=1",)))
    with pytest.raises(UsageError, match="there is no such file"):
        start(RunRequest(waiting.folder / "other.toml"))
    assert not (waiting.folder / "runs").exists()


def test_where_nothing_can_be_written_nothing_starts(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        (tmp_path / "runs").write_text("a file")  # root may write everywhere
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(Exception, match="No run can be started in"):
        start(RunRequest(tmp_path / "pipeline.toml"))


def test_modules_in_the_current_folder_are_not_nbexps(waiting, monkeypatch) -> None:
    (waiting.folder / "click.py").write_text("raise ImportError('the wrong one')")
    monkeypatch.chdir(waiting.folder)
    with pytest.raises(UsageError, match="there is no such file"):
        start(RunRequest(waiting.folder / "other.toml"))
