"""A project that was moved or copied goes on tracking into itself.

MLflow writes absolute addresses of artifacts into its database, and has no call to change them.
Where the database no longer lies where its experiments were made, those that led into its old
folder are made to lead into the one where it is now, in five columns of MLflow's own tables.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from nbexp.urls import local_path

ARTIFACTS = "mlartifacts"  # beside the database: a folder for each experiment
_BUSY_S = 30.0
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
    ("trace_tags", "value"),
)


def artifact_location(database: Path, experiment: str) -> str:
    """Return where the artifacts of an experiment go that is made in a database."""
    return (database.parent / ARTIFACTS / experiment).as_uri()


def relocate(database: Path) -> None:
    """Have addresses in a database follow it, where it was moved or copied with its project.

    Called with the lock that keeps others from making or changing the database.

    Raises:
        sqlite3.Error: The database can't be written.
    """
    with contextlib.closing(sqlite3.connect(database, timeout=_BUSY_S)) as connection:
        for folder in set(_former_folders(connection, database)):
            with connection:
                _readdress(connection, folder, database.parent)


def _former_folders(connection: sqlite3.Connection, database: Path) -> Iterator[Path]:
    """Yield the folders in which the database lay when its experiments were made."""
    try:
        rows = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
    except sqlite3.OperationalError:  # it has no tables yet
        return
    for name, location in rows:
        place, end = str(local_path(location or "") or ""), f"/{ARTIFACTS}/{name}"
        folder = Path(place.removesuffix(end))
        if place.endswith(end) and not _is_same(folder / database.name, database):
            yield folder


def _is_same(a: Path, b: Path) -> bool:
    try:
        return a == b or a.samefile(b)
    except OSError:
        return False


def _readdress(connection: sqlite3.Connection, old: Path, new: Path) -> None:
    for table, column in _ADDRESSES:
        known = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
        if column not in known:
            continue
        for start in (f"{old.as_uri()}/", f"{old}/"):
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE substr({column}, 1, ?) = ?",
                (f"{new.as_uri()}/", len(start) + 1, len(start), start),
            )
