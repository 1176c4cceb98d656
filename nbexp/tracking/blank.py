"""New MLflow databases on SQLite, copied from one that was made once for each version of MLflow.

MLflow makes a database by all its migrations, one after another, which takes seconds. The copy
holds tables alone: what depends on the place, such as the default experiment, MLflow adds itself
when it finds none. Whatever is odd about the copy, MLflow makes the database as ever.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from nbexp.files import cache_folder, digest

_TABLES = ("alembic_version", "experiments", "runs", "tags")


def copy_blank(database: Path) -> bool:
    """Put a blank database in a place where there is none; return whether there was one to copy.

    Called with the lock that keeps others from making the database at the same time.
    """
    beside = database.with_name(f".{database.name}.{secrets.token_hex(4)}")
    try:
        if database.exists() or not _is_blank(_blank()):
            return False
        beside.write_bytes(_blank().read_bytes())
        beside.rename(database)
    except (OSError, sqlite3.Error):
        return False
    finally:
        beside.unlink(missing_ok=True)
    return True


def keep_blank(database: Path) -> None:
    """Keep a copy of a database that MLflow has just made, for those to come."""
    blank = _blank()
    beside = blank.with_name(f"{blank.name}.{secrets.token_hex(4)}")
    with contextlib.suppress(OSError, sqlite3.Error):
        if blank.exists():
            return
        blank.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with (
                contextlib.closing(
                    sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
                ) as made,
                contextlib.closing(sqlite3.connect(beside)) as copy,
            ):
                made.backup(copy)
                copy.execute("DELETE FROM experiments")
                copy.commit()
            if _is_blank(beside):
                beside.rename(blank)
        finally:
            beside.unlink(missing_ok=True)


def drop_blank() -> None:
    """Forget a copy that MLflow did not accept."""
    with contextlib.suppress(OSError):
        _blank().unlink(missing_ok=True)


def _blank() -> Path:
    """Return where the copy lies: in the user's cache folder, by MLflow's migrations."""
    package = find_spec("mlflow")
    if package is None or package.origin is None:
        raise FileNotFoundError("mlflow")
    migrations = Path(package.origin).parent / "store" / "db_migrations" / "versions"
    names = sorted(path.name for path in migrations.glob("*.py"))
    return cache_folder() / f"mlflow-{version('mlflow')}-{digest(names)[:8]}.db"


def _is_blank(file: Path) -> bool:
    """Whether a file is a whole database with MLflow's tables, and nothing of anybody in them."""
    if not file.is_file():
        return False
    with contextlib.closing(_read_only(file)) as found:
        (state,) = found.execute("PRAGMA quick_check").fetchone()
        tables = {name for (name,) in found.execute("SELECT name FROM sqlite_master")}
        if state != "ok" or not tables.issuperset(_TABLES):
            return False
        counts = [found.execute(f"SELECT count(*) FROM {table}").fetchone() for table in _TABLES]
    return counts == [(1,), (0,), (0,), (0,)]


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
