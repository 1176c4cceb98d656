"""Damaged files of one run are told for that run, and hurt no other, whatever the command.

Of the files that each kind of damage could meet a quarter is taken; the fuzzer takes them all.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_project import Nbexp, write_template
from fuzz.damage import DAMAGE, FILES, GOOD, LARGE, make_whole_run

from nbexp import Pipeline
from nbexp.reports import write_report
from nbexp.run import RunIndex, complete_runs
from nbexp.runs.finding import list_runs
from nbexp.runs.history import read_history

_SHARE = 4


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a good run, to be copied."""
    root = tmp_path_factory.mktemp("whole")
    make_whole_run(root, "digits-0")
    write_template(root / "t.ipynb", "lr = 1", "import nbexp\nnbexp.log('score', lr, 0)")
    (root / "pipeline.toml").write_text(
        'name = "digits"\n[stages.train]\nnotebook = "t.ipynb"\nmetric = "score"\n'
        "params = { lr = { grid = [1, 2] } }\n"
    )
    return root


def damaged_runs(root: Path, whole: Path, damage: str) -> Iterator[tuple[str, Path]]:
    """Yield runs of which one file each is damaged, with the name of that."""
    first = list(DAMAGE).index(damage) % _SHARE
    for number, file in enumerate(LARGE if damage == "huge" else FILES[first::_SHARE]):
        run = root / "runs" / f"digits-1{number:02}"
        shutil.copytree(whole / "runs" / "digits-0", run)
        DAMAGE[damage](run / file, random.Random(f"{damage} {file}"))
        yield file, run


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_file_hurts_its_run_alone(
    damage: str, tmp_path: Path, whole: Path, nbexp: Nbexp, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("t.ipynb", "pipeline.toml"):
        shutil.copy(whole / file, tmp_path)
    runs = dict(damaged_runs(tmp_path, whole, damage))
    good = make_whole_run(tmp_path, "digits-999", GOOD)
    os.utime(good / "driver.lock", (2e9, 2e9))
    monkeypatch.chdir(tmp_path)

    def call(*command: str) -> str:
        done = nbexp(*command)
        told = f"{command} after {damage}: {done.output[-1500:]}"
        assert done.exit_code in (0, 1, 2), told
        assert not isinstance(done.exception, Exception), told
        assert "bug in nbexp" not in done.output, told
        return done.output

    for run in (run.name for run in runs.values()):
        for command in (("show",), ("show", "--json"), ("table",)):
            call(command[0], run, *command[1:])
        call("show", run, "train-1")
        call("logs", "train", "--run", run)
        call("why", "train-1", "--run", run)
    assert all(run.name in call("ls", "--all") for run in runs.values() if run.is_dir())
    assert json.loads(call("ls", "--json"))
    assert "train-1" in call("show")
    assert "made" in call("logs", "train-1")
    assert "train-1" in call("why", "train")
    assert "0.5" in call("table")
    _check_others(tmp_path, good)


def _check_others(root: Path, good: Path) -> None:
    """Check that what reads all runs finds the good one."""
    index = RunIndex(root / "runs")
    index.refresh()
    assert good in {path.parents[1] for path in index.find([GOOD])[GOOD]}
    index.close()
    Pipeline.from_toml(root / "pipeline.toml").plan()
    complete_runs(list_runs(root))
    assert read_history(list_runs(root)[-1]).variants["train-1"].metric == 0.5
    assert write_report(good).index.is_file()
