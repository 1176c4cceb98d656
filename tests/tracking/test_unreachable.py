"""An MLflow server that does not answer: the run goes on without it, and says so."""

from dataclasses import replace

import nbformat
import pytest

import nbexp
from nbexp import State
from nbexp.files import read_json
from nbexp.runs.outcome import Outcome
from nbexp.runs.record import VariantRecord
from nbexp.tracking import LazyTracker, MlflowTracker

URI = "http://127.0.0.1:1"
RECORD = VariantRecord("a-1", "a", "", {}, {}, "0" * 64, {"code": "c"}, "a.ipynb")


@pytest.fixture
def tracker(tmp_path, monkeypatch):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "a.ipynb")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    stage = nbexp.Stage("a", notebook="a.ipynb")
    return MlflowTracker(nbexp.Pipeline("p", [stage], tracking={"uri": URI}, folder=tmp_path).spec)


def test_run_begins_without_it_and_tells_what_was_tried(tracker, tmp_path):
    lazy = LazyTracker(tracker._pipeline)
    lazy.expect()
    lazy.connect()
    lazy.open_run(tmp_path)
    assert lazy.begin(RECORD, tmp_path)[0] is None
    lazy.close_run(State.FINISHED)
    (failure,) = lazy.failures
    assert f"can't be reached at {URI}" in failure
    assert "Connection refused" in failure
    assert not lazy.is_whole
    assert read_json(tmp_path / "tracking.json") == {"uri": URI, "source": {}}


def test_variant_runs_untracked_and_the_end_tells_how_many_are_missing(tracker, tmp_path):
    for _ in range(2):
        assert tracker.begin(RECORD, tmp_path) == (
            None,
            {"MLFLOW_TRACKING_URI": URI, "MLFLOW_DISABLE_TELEMETRY": "true"},
        )
    (failure,) = tracker.failures
    assert failure.startswith(f"a-1: {URI} can't be reached: ")
    assert "Connection refused" in failure
    outcome = Outcome("a-1", "0" * 64, State.FINISHED, 0.0, 1.0)
    tracker.finish(RECORD, outcome, tmp_path, lambda: None)
    tracker.close_run(State.FINISHED)
    assert tracker.failures == [f"1 of 1 variants are not in MLflow: {failure}"]


def test_server_that_is_away_is_told_before_the_run_starts(tracker, tmp_path, caplog):
    lazy = LazyTracker(tracker._pipeline)
    lazy.expect()
    lazy.connect()
    lazy.close_run(State.FINISHED)
    assert f"can't be reached at {URI}" in caplog.text


def test_database_that_is_damaged_in_the_middle_is_told_in_one_line(tmp_path, caplog, capfd):
    stage = nbexp.Stage("a", notebook="a.ipynb")
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "a.ipynb")
    tracker = MlflowTracker(nbexp.Pipeline("p", [stage], folder=tmp_path).spec)
    tracker.open_run(tmp_path)
    run_id, _ = tracker.begin(RECORD, tmp_path)
    tracker._connection.submit(int).result()  # what is written of the run itself
    with (tmp_path / "mlflow.db").open("r+b") as file:
        file.write(b"x" * 20_000)
    outcome = Outcome("a-1", "0" * 64, State.FINISHED, 0.0, 1.0)
    record = replace(RECORD, tracking_id=run_id)
    tracker.finish(record, outcome, tmp_path, lambda: None)
    tracker.close_run(State.FINISHED)
    (failure,) = tracker.failures
    assert failure.startswith("1 of 1 variants are not in MLflow: a-1: sqlite:///")
    assert "mlflow.db can't be used: file is not a database" in failure
    assert "\n" not in failure
    assert not any("Traceback" in text for text in (caplog.text, *capfd.readouterr()))
