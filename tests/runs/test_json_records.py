"""What other programs are told of runs and variants."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from run_folders import KEY, emit, leave_result, make_run, start_variant

from nbexp.files import shown_json
from nbexp.run.writer import RunWriter
from nbexp.runs.json_records import run_record, run_summary, variant_record
from nbexp.runs.results import RunResult


@pytest.fixture
def run(tmp_path: Path) -> RunWriter:
    run = make_run(tmp_path)
    leave_result(start_variant(run, "train-1"))
    ended = {"variant": "train-1", "stage": "train", "label": "lr=1", "duration_s": 1.0}
    emit(run, "variant_ended", **ended, state="finished", metric=0.5)
    start_variant(run, "train-2")
    emit(run, "run_ended", state="stopped")
    return run


def test_a_run_in_short_has_its_counts_and_its_best(run: RunWriter):
    record = run_summary(RunResult.read(run.path))
    assert record["counts"] == {"finished": 1, "stopped": 1}
    assert record["best"] == {"train": {"variant": "train-1", "metric": "score", "value": 0.5}}
    assert (record["state"], record["duration_s"]) == ("stopped", 0.0)


def test_a_run_has_all_its_variants_with_what_they_left(run: RunWriter):
    record = run_record(RunResult.read(run.path))
    assert json.loads(shown_json(record))["stages"] == ["train"]
    states = {each["name"]: (each["state"], each["scraps"]) for each in record["variants"]}
    assert states == {"train-1": ("finished", {"score": 0.5}), "train-2": ("stopped", {})}


def test_a_variant_has_its_identity_and_its_files(run: RunWriter):
    result = RunResult.read(run.path)
    record = variant_record(result, result.variant("train-1"))
    assert json.loads(shown_json(record))["identity"] == {"code": "c"}
    assert (record["key"], record["metric"], record["template"]) == (KEY, 0.5, "t.ipynb")
    assert {"notebook.ipynb", "result.json", "variant.json"} <= set(record["files"])
