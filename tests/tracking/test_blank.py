"""A new MLflow database that is copied is the one that MLflow would have made."""

import sqlite3
import time
from pathlib import Path

import pytest

from nbexp.tracking import blank
from nbexp.tracking.connection import Connection


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "nbexp"


def connect(database: Path) -> Connection:
    connection = Connection(f"sqlite:///{database}")
    connection.client()
    connection.close()
    return connection


def content(database: Path) -> dict:
    """Return the definition of all tables, and what is in them but for times."""
    with sqlite3.connect(database) as found:
        names = found.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        tables = [name for name, sql in names if sql and sql.startswith("CREATE TABLE")]
        rows = {table: found.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables}
        rows["experiments"] = found.execute(
            "SELECT experiment_id, name, artifact_location, lifecycle_stage FROM experiments"
        ).fetchall()
    return {"tables": names, "rows": rows}


def made_at(database: Path) -> float:
    with sqlite3.connect(database) as found:
        return found.execute("SELECT creation_time FROM experiments").fetchone()[0] / 1000


def test_copied_database_equals_one_that_mlflow_made(tmp_path, cache):
    connect(tmp_path / "first.db")
    assert len(list(cache.iterdir())) == 1
    before = time.time()
    assert blank.copy_blank(tmp_path / "second.db")
    connect(tmp_path / "second.db")
    assert content(tmp_path / "first.db") == content(tmp_path / "second.db")
    assert before - 1 <= made_at(tmp_path / "second.db") <= time.time()

    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:5000])  # damaged: MLflow makes the next one as ever
    assert not blank.copy_blank(tmp_path / "third.db")
    assert not (tmp_path / "third.db").exists()


def test_database_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "own.db").write_bytes(b"mine")
    assert not blank.copy_blank(tmp_path / "own.db")
    assert (tmp_path / "own.db").read_bytes() == b"mine"


def test_copy_that_mlflow_refuses_is_forgotten(tmp_path, cache):
    cache.mkdir(parents=True)
    with sqlite3.connect(blank._blank()) as kept:
        for table in ("experiments", "runs", "tags"):
            kept.execute(f"CREATE TABLE {table} (x)")
        kept.execute("CREATE TABLE alembic_version (version_num)")
        kept.execute("INSERT INTO alembic_version VALUES ('unknown')")
    with pytest.raises(Exception, match="MLflow can't be used"):
        connect(tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()
    assert not list(cache.iterdir())


def test_cache_folder_that_cannot_be_written_breaks_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    blank.keep_blank(tmp_path / "none.db")
    assert not blank.copy_blank(tmp_path / "none.db")
