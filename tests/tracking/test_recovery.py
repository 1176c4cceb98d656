"""What MLflow is told of a run whose driver died; nothing is executed here."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from mlflow.entities import RunTag

import nbexp
from nbexp.files import append_line, write_json
from nbexp.metrics import Entry
from nbexp.run.writer import RunWriter
from nbexp.runs import manifest
from nbexp.runs.folder import RunFolder
from nbexp.runs.outcome import CellError, Outcome
from nbexp.runs.record import VariantRecord
from nbexp.states import State
from nbexp.tracking import MlflowTracker

KEYS = {"finished": "1" * 64, "failed": "2" * 64, "running": "3" * 64, "stopped": "4" * 64,
        "paused": "5" * 64, "pruned": "6" * 64}  # fmt: skip
PRUNED_KEY = "9" * 64


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recovery")
    nbformat.write(nbformat.v4.new_notebook(), folder / "a.ipynb")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        stage = nbexp.Stage("train", notebook="a.ipynb")
        yield nbexp.Pipeline("recovered", [stage], folder=folder).spec


def begin(tracker: MlflowTracker, run: RunFolder, name: str) -> Path:
    folder = run.variant(name).path
    folder.mkdir()
    record = VariantRecord(
        name, "train", "", {}, {}, KEYS[name], {"code": "c"}, "a.ipynb", pruned_key=PRUNED_KEY
    )
    tracking_id, _ = tracker.begin(record, folder)
    write_json(folder / "variant.json", {**vars(record), "tracking_id": tracking_id})
    return folder


def leave(folder: Path, state: State, **scraps: object) -> None:
    error = CellError("ValueError", "bad") if state.is_failure else None
    key = PRUNED_KEY if state is State.PRUNED else KEYS[folder.name]
    outcome = Outcome(folder.name, key, state, 1.0, 2.0, scraps=scraps, error=error)
    (folder / "notebook.ipynb").write_text('{"cells": []}')
    if state.is_success:
        manifest.write(folder, ["notebook.ipynb"])
    write_json(folder / "result.json", outcome.to_record())


def log(folder: Path, *steps: int) -> list[Entry]:
    entries = [Entry(step, step, {"loss": 1 / step}, {}) for step in steps]
    for entry in entries:
        append_line(folder / "metrics.jsonl", entry.to_record())
    return entries


def ended(client, run_id: str) -> str:
    return client.get_run(run_id).info.status


def test_driver_that_died_is_made_up_for(spec):
    tracker = MlflowTracker(spec)
    run = RunWriter.create(spec)
    tracker.open_run(run.path)
    folders = {name: begin(tracker, run, name) for name in KEYS}
    leave(folders["finished"], State.FINISHED, score=0.5)
    leave(folders["failed"], State.FAILED)
    leave(folders["stopped"], State.STOPPED)
    leave(folders["paused"], State.PAUSED)
    leave(folders["pruned"], State.PRUNED)
    run.unlock()
    later = MlflowTracker(spec)
    assert later.recover(run.path)
    assert later.find([*KEYS.values(), PRUNED_KEY]) == {
        KEYS["finished"]: [folders["finished"]],
        PRUNED_KEY: [folders["pruned"]],
    }
    client = later._client()
    ids = {name: VariantRecord.read(folder).tracking_id for name, folder in folders.items()}
    statuses = {name: ended(client, run_id) for name, run_id in ids.items()}
    assert statuses == {
        "finished": "FINISHED", "failed": "FAILED", "running": "KILLED",
        "stopped": "KILLED", "paused": "KILLED", "pruned": "FINISHED",
    }  # fmt: skip
    parent = client.get_run(ids["failed"]).data.tags["mlflow.parentRunId"]
    assert ended(client, parent) == "KILLED"
    client.set_terminated(parent, "FINISHED")
    assert later.recover(run.path)
    assert ended(client, parent) == "FINISHED", "a run that ended keeps its state"


def test_run_that_was_written_but_not_ended_is_ended(spec):
    tracker = MlflowTracker(spec)
    run = RunWriter.create(spec)
    tracker.open_run(run.path)
    folder = begin(tracker, run, "finished")
    leave(folder, State.FINISHED, score=0.5)
    client, run_id = tracker._client(), VariantRecord.read(folder).tracking_id
    client.log_batch(run_id, tags=[RunTag("nbexp.key", KEYS["finished"])])
    run.unlock()
    later = MlflowTracker(spec)
    assert later.recover(run.path)
    assert ended(client, run_id) == "FINISHED"
    assert client.get_run(run_id).data.metrics["score"] == 0.5


def test_all_that_was_logged_before_the_driver_died_is_there(spec):
    tracker = MlflowTracker(spec)
    run = RunWriter.create(spec)
    tracker.open_run(run.path)
    folders = {name: begin(tracker, run, name) for name in KEYS}
    for name, folder in folders.items():
        record = VariantRecord.read(folder)
        tracker.log(record, folder, log(folder, 1, 2))
        log(folder, 3, 4)  # which the driver did not come to tell
        if name != "running":
            leave(folder, State(name))
    first = VariantRecord.read(folders["running"])
    second, _ = tracker.begin(replace(first, attempt=2), folders["running"])
    write_json(folders["running"] / "variant.json", {**vars(first), "tracking_id": second})
    attempt = run.variant("running").attempt(1).path
    attempt.mkdir(parents=True)
    log(attempt, 1)
    tracker._connection.close()
    run.unlock()
    assert MlflowTracker(spec).recover(run.path)
    client = tracker._client()
    for folder in folders.values():
        history = client.get_metric_history(VariantRecord.read(folder).tracking_id, "loss")
        assert [metric.step for metric in history] == [1, 2, 3, 4], folder.name
    earlier = client.get_metric_history(first.tracking_id, "loss")
    assert [metric.step for metric in earlier] == [1, 2]
    assert ended(client, first.tracking_id) == "KILLED"


def test_run_that_mlflow_does_not_know_is_no_obstacle(spec):
    tracker = MlflowTracker(spec)
    run = RunWriter.create(spec)
    elsewhere = {"uri": "http://elsewhere", "run_id": "gone", "experiment_id": "99"}
    write_json(run.path / "tracking.json", elsewhere)
    run.unlock()
    assert not tracker.recover(run.path)
    assert tracker.failures == []


def runs_of(tracker: MlflowTracker, run: RunFolder):
    client = tracker._client()
    experiments = [each.experiment_id for each in client.search_experiments()]
    return client.search_runs(
        experiments, f"tags.`nbexp.run` = '{run.id}'", order_by=["start_time"]
    )


def leave_untracked(spec, uri: str) -> RunFolder:
    """Leave a run of which MLflow has not heard: a variant, its failed attempt, and a copy."""
    run = RunWriter.create(spec)
    write_json(run.path / "tracking.json", {"uri": uri, "source": {"nbexp.git_dirty": "true"}})
    events = {"run": run.id, "pipeline": "recovered", "stages": ["train"], "metrics": {}}
    append_line(run.events, {"time": 1.0, "event": "run_started", **events})
    append_line(run.events, {"time": 3.0, "event": "run_ended", "state": "finished"})
    for name, source in (("finished", None), ("failed", "elsewhere")):
        folder = run.variant(name).path
        folder.mkdir()
        record = VariantRecord(name, "train", "", {"lr": 0.1}, {}, KEYS[name], {"code": "c"},
                               "a.ipynb", attempt=2, source=source)  # fmt: skip
        leave(folder, State.FAILED)
        (folder / "attempts").mkdir()
        folder.joinpath("attempts", "1").mkdir()
        for file in ("result.json", "notebook.ipynb"):
            (folder / file).rename(folder / "attempts" / "1" / file)
        leave(folder, State.FINISHED, score=0.5)
        write_json(folder / "variant.json", vars(record))
    log(run.variant("finished").path, 1, 2)
    run.unlock()
    return run


def test_run_that_mlflow_never_heard_of_is_written_once(spec):
    tracker = MlflowTracker(spec)
    run = leave_untracked(spec, tracker.shown_uri)
    for _ in range(2):
        assert tracker.recover(run.path)
        first, last, parent = sorted(
            runs_of(tracker, run), key=lambda r: r.data.tags.get("nbexp.attempt", "9")
        )
        assert (parent.info.status, parent.info.end_time) == ("FINISHED", 3000)
        assert parent.data.tags["nbexp.git_dirty"] == "true"
        assert (first.info.status, last.info.status) == ("FAILED", "FINISHED")
        assert last.data.tags["nbexp.key"] == KEYS["finished"]
        assert last.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert (last.data.params, last.data.metrics) == ({"lr": "0.1"}, {"score": 0.5, "loss": 0.5})
        record = VariantRecord.read(run.variant("finished"))
        assert record.tracking_id == last.info.run_id
        files = {item.path for item in tracker._client().list_artifacts(last.info.run_id)}
        assert files == {"notebook.ipynb"}
    assert tracker.knows(run.path)


@pytest.mark.parametrize("noted", ["tracking.json", "variant.json"])
def test_what_was_begun_and_not_noted_down_is_taken_up(spec, noted):
    tracker = MlflowTracker(spec)
    run = leave_untracked(spec, tracker.shown_uri)
    place = run.path if noted == "tracking.json" else run.variant("finished").path
    before = (place / noted).read_bytes()
    assert tracker.recover(run.path)
    ids = {each.info.run_id for each in runs_of(tracker, run)}
    (place / noted).write_bytes(before)  # as if it had been killed just before that
    assert tracker.recover(run.path)
    assert {each.info.run_id for each in runs_of(tracker, run)} == ids


def test_what_was_deleted_in_mlflow_stays_deleted(spec):
    tracker = MlflowTracker(spec)
    run = leave_untracked(spec, tracker.shown_uri)
    assert tracker.recover(run.path)
    for each in runs_of(tracker, run):
        tracker._client().delete_run(each.info.run_id)
    assert tracker.knows(run.path)
    assert tracker.recover(run.path)
    assert runs_of(tracker, run) == []


@pytest.mark.parametrize("is_there", [True, False])
def test_run_is_written_anew_only_where_its_own_database_is_gone(spec, tmp_path, is_there):
    tracker = MlflowTracker(spec)
    if is_there:
        (tmp_path / "other.db").touch()
    run = leave_untracked(spec, f"sqlite:///{tmp_path / 'other.db'}")
    assert tracker.knows(run.path) is (None if is_there else False)
    assert tracker.recover(run.path) is not is_there
    assert len(runs_of(tracker, run)) == (0 if is_there else 3)
