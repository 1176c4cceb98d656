"""No run that a notebook began is left running, whatever became of its kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

import nbexp
from nbexp.files import write_json
from nbexp.notebook.tracked import TrackedRuns
from nbexp.run.writer import RunWriter
from nbexp.runs import manifest
from nbexp.runs.outcome import CellError, Outcome
from nbexp.runs.record import VariantRecord
from nbexp.states import State
from nbexp.tracking import MlflowTracker

# MLflow's own tables use what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


class Tracked:
    """A run with two variants, whose notebooks have begun runs that nobody ends."""

    def __init__(self, folder: Path) -> None:
        nbformat.write(nbformat.v4.new_notebook(), folder / "a.ipynb")
        stage = nbexp.Stage("train", notebook="a.ipynb")
        self.spec = nbexp.Pipeline("below", [stage], folder=folder).spec
        self.tracker = MlflowTracker(self.spec)
        self.run = RunWriter.create(self.spec)
        self.tracker.open_run(self.run.path)
        self.client = self.tracker._client()
        self.own, self.other = self._begin("own"), self._begin("other")
        self.below, self.others = self._runs(self.own), self._runs(self.other)

    def _begin(self, name: str) -> VariantRecord:
        folder = self.run.variant(name).path
        folder.mkdir()
        record = VariantRecord(name, "train", "", {}, {}, name, {"code": "c"}, "a.ipynb")
        tracking_id, _ = self.tracker.begin(record, folder)
        write_json(folder / "variant.json", {**vars(record), "tracking_id": tracking_id})
        return VariantRecord.read(folder)

    def _runs(self, record: VariantRecord) -> dict[str, str]:
        """Begin a run, one below it that has ended, and below that one in another experiment."""
        client, runs = (
            self.client,
            TrackedRuns(self.run.variant(record.name).path, record.tracking_id),
        )
        runs.beginning()
        found = client.get_experiment_by_name("mine")
        mine = found.experiment_id if found else client.create_experiment("mine")
        own = client.get_run(record.tracking_id).info.experiment_id
        parent, made = record.tracking_id, {}
        for name, experiment in (("outer", own), ("middle", own), ("inner", mine)):
            run = client.create_run(experiment, tags={"mlflow.parentRunId": parent})
            parent = made[name] = run.info.run_id
        client.set_terminated(made["middle"], "FINISHED")
        return made

    def statuses(self, runs: dict[str, str]) -> dict[str, str]:
        return {name: self.client.get_run(run).info.status for name, run in runs.items()}


@pytest.fixture
def tracked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracked]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    made = Tracked(tmp_path)
    yield made
    made.run.unlock()


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.FINISHED, "FINISHED"),
        (State.FAILED, "FAILED"),
        (State.TIMED_OUT, "FAILED"),
        (State.STOPPED, "KILLED"),
    ],
)
def test_runs_below_a_variant_end_with_it(tracked, state, status):
    error = CellError("KernelDied", "killed") if state.is_failure else None
    outcome = Outcome("own", "own", state, 1.0, 2.0, error=error)
    tracked.tracker.finish(tracked.own, outcome, tracked.run.variant("own").path, lambda: None)
    tracked.tracker._connection.close()
    assert tracked.tracker.failures == []
    assert tracked.statuses(tracked.below) == {
        "outer": status, "middle": "FINISHED", "inner": status,
    }  # fmt: skip
    assert tracked.statuses(tracked.others)["inner"] == "RUNNING", "another variant still runs"


def test_runs_end_that_a_killed_driver_left(tracked):
    outcome = Outcome("own", "own", State.FINISHED, 1.0, 2.0)
    (tracked.run.variant("own").path / "notebook.ipynb").write_text('{"cells": []}')
    manifest.write(tracked.run.variant("own").path, [manifest.NOTEBOOK])
    write_json(tracked.run.variant("own").path / "result.json", outcome.to_record())
    tracked.tracker._connection.close()
    tracked.run.unlock()
    assert MlflowTracker(tracked.spec).recover(tracked.run.path)
    assert set(tracked.statuses(tracked.below).values()) == {"FINISHED"}
    assert tracked.statuses(tracked.others) == {
        "outer": "KILLED", "middle": "FINISHED", "inner": "KILLED",
    }  # fmt: skip
