"""SQLite databases: their journal while a run goes on and after, and what is wrong with one."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text

from nbexp.tracking.sqlite import drop_journal, keep_journal, why_unusable


@pytest.fixture
def database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "some.db")) as connection:
        connection.execute("CREATE TABLE numbers (n INTEGER)")
    return tmp_path / "some.db"


def insert(database, n: int) -> str:
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO numbers VALUES ({n})"))
        mode = connection.execute(text("PRAGMA journal_mode")).scalar()
    engine.dispose()
    return mode


def rows(database) -> list[int]:
    with closing(sqlite3.connect(database)) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM numbers")]


def test_journal_is_kept_and_dropped_and_others_see_what_was_written(database):
    journal = database.with_name("some.db-journal")
    keep_journal(database)
    assert insert(database, 1) == "persist"
    assert journal.exists()
    assert rows(database) == [1]
    drop_journal(database)
    assert not journal.exists()
    assert rows(database) == [1]
    drop_journal(database)


def test_nobody_waits_long_for_a_lock(database, tmp_path):
    keep_journal(database)
    (tmp_path / "another.db").touch()

    def waits_ms(file, own_ms):
        engine = create_engine(f"sqlite:///{file}")
        with engine.begin() as connection:
            connection.execute(text(f"PRAGMA busy_timeout = {own_ms}"))  # as MLflow does
            waits = connection.execute(text("PRAGMA busy_timeout")).scalar()
        engine.dispose()
        return waits

    assert waits_ms(database, 20_000) == 3000
    assert waits_ms(tmp_path / "another.db", 20_000) == 20_000


def test_other_databases_and_other_choices_are_left_alone(database, tmp_path):
    keep_journal(tmp_path / "other.db")
    assert insert(database, 1) == "delete"
    keep_journal(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert insert(database, 2) == "wal"


def test_why_a_database_can_not_be_used(tmp_path, database):
    (tmp_path / "empty.db").touch()
    assert why_unusable(tmp_path / "empty.db") == "it is empty"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        assert why_unusable(database) is None
        other.execute("BEGIN EXCLUSIVE")
        assert why_unusable(database) == "another process holds its lock"
        other.execute("ROLLBACK")
    database.write_bytes(b"x" * 5000)
    assert why_unusable(database) == "file is not a database"
    database.unlink()
    assert why_unusable(database) == "it was deleted"
    assert not database.exists()
