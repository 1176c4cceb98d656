"""A project that was moved or copied tracks into itself, and keeps what it had."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nbexp.tracking.connection import Connection
from nbexp.urls import sqlite_url

# MLflow's own tables use what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


def track(folder: Path, text: str, *, other: Path | None = None) -> tuple[str, str]:
    """Log an artifact in the pipeline's experiment, and in one that a notebook would make."""
    folder.mkdir(exist_ok=True)
    connection = Connection(sqlite_url(folder / "mlflow.db"))
    try:
        client = connection.client()
        found = client.get_experiment_by_name("mine")
        place = str(other or folder / "mlruns" / "mine")
        mine = found.experiment_id if found else client.create_experiment("mine", place)
        runs = [client.create_run(e).info.run_id for e in (connection.make_experiment("own"), mine)]
        for run in runs:
            client.log_text(run, text, "a.txt")
        return runs[0], runs[1]
    finally:
        connection.close()


def read(folder: Path, run: str) -> str:
    from mlflow import MlflowClient

    client = MlflowClient(sqlite_url(folder / "mlflow.db"))
    return Path(client.download_artifacts(run, "a.txt", dst_path=folder.parent)).read_text()


@pytest.mark.parametrize("new", ["new", "a new%20place?", "old/inside"])
@pytest.mark.parametrize("is_copied", [False, True], ids=["moved", "copied"])
def test_moved_project_tracks_into_itself_and_keeps_what_it_had(tmp_path, new, is_copied):
    old, new = tmp_path / "old", tmp_path / new
    before = track(old, "before")
    new.parent.mkdir(exist_ok=True)
    shutil.copytree(old, new, ignore=shutil.ignore_patterns("inside"))
    if not is_copied:
        for each in ("mlflow.db", "mlruns", "mlartifacts"):
            shutil.move(old / each, tmp_path / f"gone-{each}")
    had = {path for path in old.rglob("*") if not path.is_relative_to(new)}
    after = track(new, "after")
    assert {path for path in old.rglob("*") if not path.is_relative_to(new)} == had
    assert [read(new, run) for run in before] == ["before"] * 2
    assert [read(new, run) for run in after] == ["after"] * 2
    assert len(list(new.glob("mlartifacts/own/*"))) == 2


def test_what_lies_elsewhere_stays_there(tmp_path):
    other = tmp_path / "old-but-longer"
    before = track(tmp_path / "old", "before", other=other)
    (tmp_path / "old").rename(tmp_path / "new")
    after = track(tmp_path / "new", "after")
    assert {path.name for path in other.iterdir()} == {before[1], after[1]}


def test_project_that_is_reached_by_another_way_has_not_moved(tmp_path):
    first = track(tmp_path / "project", "one")
    (tmp_path / "link").symlink_to(tmp_path / "project")
    track(tmp_path / "link", "two")
    from mlflow import MlflowClient

    client = MlflowClient(sqlite_url(tmp_path / "project" / "mlflow.db"))
    place = client.get_run(first[0]).info.artifact_uri
    assert place.startswith((tmp_path / "project").as_uri())
