"""What is looked up without MLflow is what MLflow itself says."""

import time

import pytest

from nbexp.tracking.database import durations_s
from nbexp.tracking.index import KeyIndex


def tagged(client, experiment, folder, key, *, status="FINISHED"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").touch()
    tags = {"nbexp.key": key, "nbexp.folder": str(folder), "nbexp.stage": "train"}
    tags["nbexp.duration_s"] = "2.5"
    run = client.create_run(experiment, start_time=int(time.time() * 1000), tags=tags)
    client.set_terminated(run.info.run_id, status)
    return run.info.run_id


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("store")
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    own, other, gone = (client.create_experiment(name) for name in ("own", "other", "gone"))
    for number in range(60):
        tagged(client, own, folder / f"v{number}", f"key{number}")
    tagged(client, other, folder / "elsewhere", "other")
    tagged(client, own, folder / "failed", "failed", status="FAILED")
    client.delete_run(tagged(client, own, folder / "deleted", "deleted"))
    tagged(client, gone, folder / "gone", "gone")
    client.delete_experiment(gone)
    (folder / "v7" / "result.json").unlink()
    return folder, client


@pytest.mark.parametrize("count", [3, 60])
def test_keys_are_found_as_by_mlflow(store, count):
    folder, client = store
    keys = [*(f"key{n}" for n in range(count)), "other", "failed", "deleted", "gone", "unknown"]

    def not_asked():
        pytest.fail("MLflow was asked")

    found = KeyIndex(not_asked, folder, folder / "mlflow.db").find(keys)
    assert found == KeyIndex(lambda: client, folder, None).find(keys)
    expected = {f"key{n}": folder / f"v{n}" for n in range(count) if n != 7}
    assert found == {**expected, "other": folder / "elsewhere"}


def test_database_that_is_none_of_mlflows_is_left_to_mlflow(store, tmp_path):
    folder, client = store
    (tmp_path / "odd.db").write_bytes(b"odd" * 1000)
    index = KeyIndex(lambda: client, folder, tmp_path / "odd.db")
    assert index.find(["key1"]) == {"key1": folder / "v1"}


def test_durations_are_those_of_the_experiment_and_stage(store):
    database = store[0] / "mlflow.db"
    assert durations_s(database, "own", "train", 50) == [2.5] * 50
    assert durations_s(database, "other", "train", 50) == [2.5]
    assert durations_s(database, "own", "other", 50) == []
