"""An MLflow server that does not answer: told at the start, borne in the middle."""

import nbformat
import pytest

import nbexp
from nbexp.errors import RunError
from nbexp.run import VariantRecord
from nbexp.tracking import MlflowTracker, connection

URI = "http://127.0.0.1:1"
RECORD = VariantRecord("a-1", "a", "", {}, {}, "0" * 64, {"code": "c"}, "a.ipynb")


@pytest.fixture
def tracker(tmp_path, monkeypatch):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "a.ipynb")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    stage = nbexp.Stage("a", notebook="a.ipynb")
    return MlflowTracker(nbexp.Pipeline("p", [stage], tracking={"uri": URI}, folder=tmp_path).spec)


def test_it_is_told_before_anything_runs(tracker):
    with pytest.raises(RunError, match=f"MLflow can't be used at {URI}"):
        tracker.connect()


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
