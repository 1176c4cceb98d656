"""Damaged files of a run, and what commands and readers make of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from random import Random

from fuzz._base import Case, Kind, expect
from fuzz.commands import call
from fuzz.damage import DAMAGE, FILES, GOOD, LARGE, make_whole_run
from fuzz.projects import write_project
from nbexp.files import append_line, file_digest
from nbexp.reports import write_report
from nbexp.run import RunIndex, complete_runs
from nbexp.runs.finding import list_runs
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import read_history

_BAD, _WHOLE = "digits-0", "digits-9"
_BESIDE = (
    "driver.lock",
    "searches",
    "searches/train.jsonl",
    "../.index.db",
    "../.index.db-journal",
)
_COMMANDS = (
    ("show", _BAD), ("show", _BAD, "--json"), ("show", _BAD, "train-1"), ("show", _BAD, "--all"),
    ("show", _BAD, "train-1", "--json"), ("table", _BAD), ("table", _BAD, "--format", "latex"),
    ("logs", "train", "--run", _BAD), ("logs", "--run", _BAD), ("why", "train-1", "--run", _BAD),
    ("why", "train-2", "--json", "--run", _BAD), ("stop", _BAD), ("pause", _BAD), ("add", _BAD),
    ("continue", _BAD, "--json"), ("ls", "--json"), ("plan", "pipeline.toml"),
    ("export", "train-1", "--run", _BAD), ("report", _BAD),
)  # fmt: skip


class Runs(Kind):
    """Damage of any kind in a run, beside one that is whole."""

    suite_cases = 12

    def __init__(self, material: Path) -> None:
        super().__init__(material)
        write_project(material)
        make_whole_run(material, _BAD)
        make_whole_run(material, _WHOLE, GOOD)
        (material / "runs" / _BAD / "searches").mkdir()
        append_line(material / "runs" / _BAD / "searches" / "train.jsonl", {"values": {"lr": 1}})
        index = RunIndex(material / "runs")
        index.refresh()
        index.close()

    def make(self, rng: Random, folder: Path) -> Case:
        shutil.copytree(self.material, folder, dirs_exist_ok=True)
        runs = folder / "runs"
        os.utime(runs / _WHOLE / "driver.lock", (2e9, 2e9))
        done = [_damage(runs / _BAD, rng) for _ in range(rng.choice((1, 1, 2, 4)))]
        commands = rng.sample(_COMMANDS, 4)

        def check() -> None:
            before = _content(runs / _WHOLE)
            for command in commands:
                call(*command)
            _check_others(folder, runs / _WHOLE)
            expect(_content(runs / _WHOLE) == before, "a file of another run was changed")

        return Case(f"a run with {', '.join(done)}, and {commands}", check)


def _damage(run: Path, rng: Random) -> str:
    damage = rng.choice(list(DAMAGE))
    file = rng.choice(LARGE if damage == "huge" else (*FILES, *_BESIDE))
    if (run / file).parent.is_dir():
        DAMAGE[damage](run / file, rng)
    return f"{file} {damage}"


def _content(run: Path) -> dict[str, str]:
    files = (path for path in run.rglob("*") if path.is_file() and "report" not in path.parts)
    return {str(path.relative_to(run)): file_digest(path) for path in files}


def _check_others(folder: Path, whole: Path) -> None:
    index = RunIndex(folder / "runs")
    index.refresh()
    found = {path.parents[1] for path in index.find([GOOD])[GOOD]}
    index.close()
    expect(whole in found, "the index lacks a run that is whole")
    complete_runs(list_runs(folder))
    expect(list_runs(folder)[-1].path == whole, "the last run is another one")
    metric = read_history(RunFolder(whole)).variants["train-1"].metric
    expect(metric == 0.5, f"the metric of a run that is whole is {metric}")
    expect("0.5" in call("table"), "the table lacks a value of a run that is whole")
    expect(write_report(whole, folder / "report").index.is_file(), "no page")
