"""Run folders of which a file is damaged: how, and which."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from run_folders import KEY, emit, leave_result, make_run, start_variant

from fuzz.mutations import ODD, is_list
from nbexp.files import write_json
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
LARGE = ("events.jsonl", "status.json", "variants/train-1/result.json")
_HUGE = 2**31  # bytes, of which none is on the disk


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
    if _is_small(path) and path.stat().st_size:
        data = path.read_bytes()
        path.write_bytes(data[: rng.randrange(len(data))])


def _flip(path: Path, rng: random.Random) -> None:
    if _is_small(path) and path.stat().st_size:
        data = bytearray(path.read_bytes())
        for _ in range(3):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(data))


def _is_small(path: Path) -> bool:
    return path.is_file() and path.stat().st_size < _HUGE  # another damage may have made it huge


def _retype(path: Path, rng: random.Random) -> None:
    """Put a value of another type in the place of one in each record."""
    if _is_small(path) and path.suffix in (".json", ".jsonl", ".ipynb"):
        with contextlib.suppress(ValueError, RecursionError):  # it is no JSON any more
            text = path.read_text()
            lines = text.splitlines() if path.suffix == ".jsonl" else [text]
            altered = [json.dumps(_altered(json.loads(line), rng)) for line in lines]
            path.write_text("\n".join(altered) + "\n")


def _altered(value: Any, rng: random.Random) -> Any:
    inner = list(value) if isinstance(value, dict) else range(len(value)) if is_list(value) else ()
    if inner:
        key = rng.choice(inner)
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
        file.truncate(_HUGE)


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
