"""An MLflow server that does not answer: the run goes on without it, and says so."""

import nbformat
import pytest

import nbexp
from nbexp import State
from nbexp.files import read_json
from nbexp.run import VariantRecord
from nbexp.tracking import LazyTracker, MlflowTracker, connection

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


def test_variant_runs_untracked_and_a_slow_server_is_not_asked_again_soon(
    tracker, tmp_path, monkeypatch
):
    monkeypatch.setattr(connection, "_SLOW_S", 0.0)
    for _ in range(2):
        assert tracker.begin(RECORD, tmp_path) == (
            None,
            {"MLFLOW_TRACKING_URI": URI, "MLFLOW_DISABLE_TELEMETRY": "true"},
        )
    asked, spared = tracker.failures
    assert "Connection refused" in asked
    assert "a moment ago" in spared
