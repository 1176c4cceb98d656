"""SQLite's journal: kept from one transaction to the next, rather than made and deleted for each.

MLflow writes a variant in half a dozen transactions. Other processes see the same database, on
any file system, and one that loses power is as safe as before.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

_PATIENCE_S = 1.0
_WAIT_S = 3.0  # MLflow waits 20 s for a lock, and whoever calls it with it
_WAIT = f"PRAGMA busy_timeout = {int(1000 * _WAIT_S)}"
_OURS = "nbexp"
_kept: set[Path] = set()


def keep_journal(database: Path) -> None:
    """Have this process's connections to a database keep its journal, from now on.

    They also wait only so long for a lock that another process holds.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    _kept.add(database.resolve())
    if not event.contains(Engine, "connect", _connected):
        event.listen(Engine, "connect", _connected)
        event.listen(Engine, "before_cursor_execute", _executing, retval=True)


def _connected(connection: Any, record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    (_, _, file), *_ = connection.execute("PRAGMA database_list").fetchall()
    if Path(file) not in _kept:
        return
    connection.execute(_WAIT)
    record.info[_OURS] = True
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode == "delete":  # else somebody has chosen
        connection.execute("PRAGMA journal_mode = PERSIST").fetchone()


def _executing(
    connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """Have what MLflow executes wait for a lock as long as we do."""
    is_wait = statement.startswith("PRAGMA busy_timeout") and _OURS in connection.info
    return (_WAIT if is_wait else statement), parameters


def why_unusable(database: Path) -> str | None:
    """Return why a database that was there can't be written now, within a second; else None."""
    if not database.exists():
        return "it was deleted"
    try:
        with contextlib.closing(sqlite3.connect(database, timeout=_PATIENCE_S)) as own:
            own.execute("BEGIN IMMEDIATE")
            own.rollback()
            count = own.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.Error as error:
        is_locked = "locked" in str(error)
        return "another process holds its lock" if is_locked else str(error)
    return None if count else "it is empty"


def drop_journal(database: Path) -> None:
    """Delete what is left of the journal; where somebody is writing, they go on with it."""
    if not database.with_name(f"{database.name}-journal").exists():
        return
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(database, timeout=_PATIENCE_S)) as own,
    ):
        own.execute("PRAGMA journal_mode = PERSIST").fetchone()
        own.execute("PRAGMA journal_mode = DELETE").fetchone()
