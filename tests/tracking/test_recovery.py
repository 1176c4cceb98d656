"""What MLflow is told of a run whose driver died; nothing is executed here."""

from pathlib import Path

import nbformat
import pytest

import nbexp
from nbexp.execute import CellError, Outcome
from nbexp.files import write_json
from nbexp.run import RunFolder, VariantRecord
from nbexp.states import State
from nbexp.tracking import MlflowTracker

KEYS = {"finished": "1" * 64, "failed": "2" * 64, "running": "3" * 64}


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recovery")
    nbformat.write(nbformat.v4.new_notebook(), folder / "a.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        stage = nbexp.Stage("train", notebook="a.ipynb")
        yield nbexp.Pipeline("recovered", [stage], folder=folder).spec


def begin(tracker: MlflowTracker, run: RunFolder, name: str) -> Path:
    folder = run.variant(name)
    folder.mkdir()
    record = VariantRecord(name, "train", "", {}, {}, KEYS[name], {"code": "c"}, "a.ipynb")
    tracking_id, _ = tracker.begin(record, folder)
    write_json(folder / "variant.json", {**vars(record), "tracking_id": tracking_id})
    return folder


def leave(folder: Path, state: State, **scraps: object) -> None:
    error = None if state is State.FINISHED else CellError("ValueError", "bad")
    outcome = Outcome(folder.name, KEYS[folder.name], state, 1.0, 2.0, scraps=scraps, error=error)
    (folder / "notebook.ipynb").write_text("{}")
    write_json(folder / "result.json", outcome.to_record())


def ended(client, run_id: str) -> str:
    return client.get_run(run_id).info.status


def test_driver_that_died_is_made_up_for(spec):
    tracker = MlflowTracker(spec)
    run = RunFolder.create(spec)
    tracker.open_run(run.path)
    folders = {name: begin(tracker, run, name) for name in KEYS}
    leave(folders["finished"], State.FINISHED, score=0.5)
    leave(folders["failed"], State.FAILED)
    run.unlock()
    later = MlflowTracker(spec)
    assert later.recover(run.path)
    assert later.find(KEYS.values()) == {KEYS["finished"]: folders["finished"]}
    client = later._client()
    ids = {name: VariantRecord.read(folder).tracking_id for name, folder in folders.items()}
    statuses = {name: ended(client, run_id) for name, run_id in ids.items()}
    assert statuses == {"finished": "FINISHED", "failed": "FAILED", "running": "KILLED"}
    parent = client.get_run(ids["failed"]).data.tags["mlflow.parentRunId"]
    assert ended(client, parent) == "KILLED"
    client.set_terminated(parent, "FINISHED")
    assert later.recover(run.path)
    assert ended(client, parent) == "FINISHED", "a run that ended keeps its state"


def test_run_that_mlflow_does_not_know_is_no_obstacle(spec):
    tracker = MlflowTracker(spec)
    run = RunFolder.create(spec)
    write_json(run.path / "tracking.json", {"run_id": "gone", "experiment_id": "99"})
    run.unlock()
    assert not tracker.recover(run.path)
    assert tracker.failures == []
