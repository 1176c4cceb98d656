"""Run folders as a driver leaves them, made without running anything."""

from pathlib import Path
from typing import Any

from nbexp.files import append_line, write_json
from nbexp.run.writer import RunWriter
from nbexp.runs import manifest
from nbexp.runs.outcome import CellError, Outcome
from nbexp.runs.record import VariantRecord
from nbexp.states import State

KEY = "0" * 64


def make_run(root: Path, name: str = "digits-1") -> RunWriter:
    """Return the folder of a run that has begun, and that no process works on."""
    run = RunWriter(root / "runs" / name)
    run.variants.mkdir(parents=True)
    (run.path / "driver.lock").touch()
    emit(run, "run_started", run=name, pipeline="digits", stages=["train"],
         metrics={"train": ["score", "max"]})  # fmt: skip
    return run


def emit(run: RunWriter, event: str, /, **data: Any) -> None:
    append_line(run.events, {"time": 1.0, "event": event, **data})


def start_variant(run: RunWriter, name: str, *, key: str = KEY, **more: Any) -> Path:
    """Have a variant start, and return its folder."""
    emit(run, "variant_added", variant=name, stage="train", label="lr=1", lineage={})
    emit(run, "variant_started", variant=name, stage="train", attempt=1, params={})
    folder = run.variant(name).path
    folder.mkdir()
    record = VariantRecord(name, "train", "lr=1", {}, {}, key, {"code": "c"}, "t.ipynb", **more)
    record.write(folder)
    return folder


def leave_result(folder: Path, state: State = State.FINISHED, *, key: str = KEY) -> None:
    """Write what a worker leaves at the end."""
    error = None if state is State.FINISHED else CellError("ValueError", "bad")
    outcome = Outcome(folder.name, key, state, 1.0, 2.0, scraps={"score": 0.5}, error=error)
    (folder / "notebook.ipynb").write_text('{"cells": []}')
    if state.is_success:
        manifest.write(folder, manifest.parts_of((), ()))
    write_json(folder / "result.json", outcome.to_record(), is_checked=True)
