"""Damaged files of one run are told for that run, and hurt no other, whatever the command."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_project import Nbexp, write_template
from run_folders import KEY, emit, leave_result, make_run, start_variant

from nbexp import Pipeline
from nbexp.files import write_json
from nbexp.reports import write_report
from nbexp.run import RunIndex, complete_runs, list_runs, read_history
from nbexp.states import State

GOOD = "9" * 64  # the identity of a variant that is whole
FILES = (
    "events.jsonl", "status.json", "pipeline.json", "plan.json", "tracking.json", "control.jsonl",
    "pipeline.toml", "templates", "templates/t-c.ipynb", "variants", "variants/train-1",
    "variants/train-1/variant.json", "variants/train-1/result.json",
    "variants/train-1/notebook.ipynb", "variants/train-1/log.txt", "variants/train-1/metrics.jsonl",
    "variants/train-1/history.json", "variants/train-1/manifest.json",
    "variants/train-1/artifacts", "variants/train-1/snapshots", "variants/train-1/figures",
)  # fmt: skip
ODD: list[Any] = [None, 5, "x", [], {}, [[1], ["a", 2]], -1, 1e400, 10**30, True, "../x", "\0"]
LARGE = ("events.jsonl", "status.json", "variants/train-1/result.json")


def _replaced(content: bytes) -> Callable[[Path, random.Random], None]:
    def damage(path: Path, _: random.Random) -> None:
        _away(path)
        path.write_bytes(content)

    return damage


def _away(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def _cut(path: Path, rng: random.Random) -> None:
    if path.is_file():
        data = path.read_bytes()
        path.write_bytes(data[: rng.randrange(len(data))])


def _flip(path: Path, rng: random.Random) -> None:
    if path.is_file():
        data = bytearray(path.read_bytes())
        for _ in range(3):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(data))


def _retype(path: Path, rng: random.Random) -> None:
    """Put a value of another type in the place of one in each record."""
    if path.is_file() and path.suffix in (".json", ".jsonl", ".ipynb"):
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        path.write_text("\n".join(json.dumps(_altered(json.loads(x), rng)) for x in lines) + "\n")


def _altered(value: Any, rng: random.Random) -> Any:
    inner = list(value) if isinstance(value, dict) else range(len(value))
    key = rng.choice(inner) if inner else None
    if isinstance(value, dict | list) and key is not None:
        is_deeper = isinstance(value[key], dict | list) and value[key] and rng.random() < 0.5
        value[key] = _altered(value[key], rng) if is_deeper else rng.choice(ODD)
    return value


def _other(path: Path, rng: random.Random) -> None:
    _replaced(f"{json.dumps(rng.choice(ODD))}\n".encode())(path, rng)


def _folder(path: Path, _: random.Random) -> None:
    _away(path)
    path.mkdir()


def _pipe(path: Path, _: random.Random) -> None:
    _away(path)
    os.mkfifo(path)


def _huge(path: Path, _: random.Random) -> None:
    _away(path)
    with path.open("wb") as file:
        file.truncate(2**31)


DAMAGE: dict[str, Callable[[Path, random.Random], None]] = {
    "gone": lambda path, _: _away(path),
    "empty": _replaced(b""),
    "cut": _cut,
    "flipped": _flip,
    "retyped": _retype,
    "retyped twice": lambda path, rng: [_retype(path, rng) for _ in range(2)] and None,
    "NUL": _replaced(b"\0" * 100 + b"\n"),
    "deep": _replaced(b"[" * 100_000 + b"\n"),
    "a thousand deep": _replaced(b'{"x":' * 900 + b"1" + b"}" * 900 + b"\n"),
    "digits": _replaced(b'{"x": ' + b"9" * 5000 + b"}\n"),
    "folder": _folder,
    "pipe": _pipe,
    "huge": _huge,
    "other JSON": _other,
    "other JSON again": _other,
}  # fmt: skip


def make_whole_run(root: Path, name: str, key: str = KEY) -> Path:
    """Leave a run that has ended, with all files that a run may have."""
    run = make_run(root, name)
    folder = start_variant(run, "train-1", key=key)
    emit(run, "metrics", variant="train-1", stage="train",
         entries=[{"time": 1.0, "step": 1, "values": {"score": 0.5}}])  # fmt: skip
    emit(run, "variant_paused", variant="train-1", stage="train", reason="asked", step=1)
    emit(run, "variant_exploited", variant="train-1", stage="train", step=1, donor="train-2",
         params={"lr": 2})  # fmt: skip
    leave_result(folder, key=key)
    failed = start_variant(run, "train-2")
    leave_result(failed, State.FAILED)
    for variant, state in (("train-1", "finished"), ("train-2", "failed")):
        emit(run, "variant_ended", variant=variant, stage="train", label="lr=1", state=state,
             duration_s=1.0, metric=0.5, error={"name": "Error", "message": "bad"})  # fmt: skip
    emit(run, "stage_ended", stage="train", kept=["train-1"])
    emit(run, "run_ended", state="failed")
    run.write_status({"run": name, "pipeline": "digits", "state": "failed", "is_complete": True,
                      "variants": {"train-1": "finished"}})  # fmt: skip
    for file in ("pipeline.json", "plan.json", "tracking.json"):
        write_json(run.path / file, {"stages": {"train": {"params": {"lr": 1}}}, "source": {}})
    (run.path / "control.jsonl").write_text('{"request": "stop", "id": "1"}\n')
    (run.path / "pipeline.toml").write_text('name = "digits"\n')
    (run.path / "templates").mkdir()
    (run.path / "templates" / "t-c.ipynb").write_text('{"cells": []}')
    (folder / "log.txt").write_text("made\n")
    (folder / "metrics.jsonl").write_text('{"time": 1.0, "step": 1, "values": {"score": 0.5}}\n')
    write_json(folder / "history.json", [{"time": 1.0, "event": "exploited", "donor": "train-2",
                                          "step": 1, "params": {"lr": 2}}])  # fmt: skip
    for inner in ("artifacts", "snapshots", "figures"):
        (folder / inner).mkdir(exist_ok=True)
    return run.path


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
    for number, file in enumerate(LARGE if damage == "huge" else FILES):
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
