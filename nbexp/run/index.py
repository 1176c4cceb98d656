"""The index of what ran before: an SQLite database beside the runs, made from their folders.

The folders are the truth. What the database lacks, since a run was copied here or the database was
deleted, is read from them again; a run that has ended and is unchanged since is not looked into.
Where the database can't be used, an index in memory takes its place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nbexp.files import canonical_json, read_json, to_json
from nbexp.plan import Took, code_of
from nbexp.run.status import is_over
from nbexp.runs.finding import list_runs
from nbexp.runs.folder import RunFolder
from nbexp.runs.outcome import Outcome
from nbexp.runs.record import VariantRecord
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State

if TYPE_CHECKING:
    import sqlite3

_NAME = ".index.db"
_FORMAT = 1
_BUSY_S = 5.0
_LAST = 50
_UNUSABLE = {3, 5, 6, 8, 13, 14}  # SQLite's PERM, BUSY, LOCKED, READONLY, FULL, CANTOPEN
_SCHEMA = f"""
DROP TABLE IF EXISTS runs;
DROP TABLE IF EXISTS results;
CREATE TABLE runs (
    run TEXT PRIMARY KEY, pipeline TEXT, stamp TEXT, is_over INTEGER, is_complete INTEGER
);
CREATE TABLE results (
    run TEXT, variant TEXT, key TEXT, stage TEXT, state TEXT, is_copy INTEGER,
    ended REAL, duration_s REAL, observed TEXT, size INTEGER, mtime_ns INTEGER,
    PRIMARY KEY (run, variant)
);
CREATE INDEX results_by_key ON results (key);
CREATE INDEX results_by_stage ON results (stage, ended);
PRAGMA user_version = {_FORMAT};
"""
# Of the copies of one execution, one that is not a copy where there is one.
_FIND = """
SELECT key, run, variant, min(is_copy) FROM results
WHERE key IN (SELECT value FROM json_each(?)) GROUP BY key, ended ORDER BY ended DESC
"""
_DURATIONS = """
SELECT run, variant, duration_s FROM results JOIN runs USING (run)
WHERE stage = ? AND pipeline = ? AND key != '' AND key NOT LIKE 'inline-%'
AND NOT is_copy ORDER BY ended DESC LIMIT ?
"""
_RUNS = "SELECT run FROM runs WHERE is_over = ? AND is_complete = ?"
_EXECUTED = f"{_RUNS} AND EXISTS (SELECT 1 FROM results WHERE run = runs.run AND NOT is_copy)"
_T = TypeVar("_T")


class RunIndex:
    """Knows the results in a folder of runs, by their keys.

    Args:
        runs: The folder of runs; it may not be there yet.
    """

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._file = runs / _NAME
        self._database: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None  # None for one in memory

    def refresh(self) -> None:
        """Take in what has changed in the folders of runs."""
        self._do(self._refresh, None)

    def add(self, folder: Path, outcome: Outcome, stage: str) -> None:
        """Take in a result that has just been written into a variant's folder."""
        with contextlib.suppress(OSError):  # it is not there, as on a disk that is full
            run, at = folder.parents[1].name, _look(folder)
            row = (run, folder.name, *_told(outcome, stage, is_copy=False), *at)
            self._do(lambda database: _insert(database, [row]), None)

    def find(self, keys: Collection[str]) -> dict[str, list[Path]]:
        """Return the folders of variants that finished, or were pruned, with these keys.

        Those that were executed at different times are all there, the newest first.
        """
        found: dict[str, list[Path]] = {}
        missing = list(keys)
        while missing:
            if self._inode is None and self._database is not None:  # others don't tell this one
                self.refresh()
            rows = self._rows(_FIND, to_json(missing))
            there = [(key, self._folder(run, name).path) for key, run, name, _ in rows]
            gone = [(key, folder) for key, folder in there if not _is_result(folder)]
            self._forget([folder for _, folder in gone])  # a copy of it may be there
            missing = list(dict.fromkeys(key for key, _ in gone))
            for key, folder in there:
                if key not in missing:
                    found.setdefault(key, []).append(folder)
        return found

    def _folder(self, run: str, variant: str) -> VariantFolder:
        return RunFolder(self._runs / run).variant(variant)

    def took(self, pipeline: str, stage: str) -> list[Took]:
        """Return how long the last variants of a stage took, and with what."""
        found = []
        for run, variant, seconds in self._rows(_DURATIONS, stage, pipeline, _LAST):
            record = VariantRecord.read(self._folder(run, variant))
            if record is not None:
                parts = record.parts
                code = code_of(parts.get("code"), parts.get("modules"))
                found.append(Took(seconds, record.params, code))
        return found

    def cut_off(self) -> list[str]:
        """Return the names of the runs that have not ended, or whose drivers could not say so."""
        return [run for (run,) in self._rows("SELECT run FROM runs WHERE NOT is_over")]

    def ended(self, *, is_complete: bool, executed: bool = False) -> list[str]:
        """Return the names of runs that have ended.

        Args:
            is_complete: Whether all of them has been tracked, or not.
            executed: Whether to leave out those in which nothing was executed.
        """
        query = _EXECUTED if executed else _RUNS
        return [run for (run,) in self._rows(query, True, is_complete)]

    def close(self) -> None:
        """Let go of the database."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._do(lambda database: _all(database, query, *values), [])

    def _do(self, action: Callable[[sqlite3.Connection], _T], nothing: _T) -> _T:
        """Do something with the database: a new one, if it is damaged; else one in memory."""
        if not self._runs.is_dir():
            return nothing
        import sqlite3

        for _ in range(2):
            try:
                return action(self._open())
            except sqlite3.Error as error:
                self.close()
                if getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNUSABLE:
                    break
                self._delete()
        return action(self._open_in_memory())

    def _open(self) -> sqlite3.Connection:
        """Return the database; a new one, where it has been deleted meanwhile."""
        if any(part.exists() and not part.is_file() for part in self._parts()):
            self._delete()  # SQLite would wait for ever for who writes into a pipe
        if self._database is not None and self._inode in (None, _inode(self._file)):
            return self._database
        import sqlite3

        self.close()
        database = sqlite3.connect(self._file, timeout=_BUSY_S, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = OFF")  # what is lost is in the folders
            if _format(database) != _FORMAT:
                _make(database)
            self._refresh(database)
        except BaseException:
            database.close()
            raise
        self._database, self._inode = database, _inode(self._file)
        return database

    def _open_in_memory(self) -> sqlite3.Connection:
        import sqlite3

        self.close()
        database = sqlite3.connect(":memory:", isolation_level=None, timeout=_BUSY_S)
        _make(database)
        if self._file.is_file():
            with contextlib.suppress(sqlite3.Error):  # it may be readable, at least
                _copy(database, self._file)
        self._database, self._inode = database, None
        self._refresh(database)
        return database

    def _parts(self) -> list[Path]:
        ends = ("", "-journal", "-wal", "-shm")
        return [self._file.with_name(f"{_NAME}{end}") for end in ends]

    def _delete(self) -> None:
        with contextlib.suppress(OSError):
            for part in self._parts():
                part.unlink(missing_ok=True)

    def _forget(self, folders: Sequence[Path]) -> None:
        if folders:
            rows = [(folder.parents[1].name, folder.name) for folder in folders]
            query = "DELETE FROM results WHERE run = ? AND variant = ?"
            self._do(lambda database: database.executemany(query, rows) and None, None)

    def _refresh(self, database: sqlite3.Connection) -> None:
        known = dict(_all(database, "SELECT run, stamp FROM runs"))
        there = {run.id: run for run in list_runs(self._runs)}
        for name, run in there.items():
            if known.get(name) != _stamp(run):
                _read_run(database, run)
        gone = [(name,) for name in known.keys() - there.keys()]
        if gone:
            with _transaction(database):
                database.executemany("DELETE FROM runs WHERE run = ?", gone)
                database.executemany("DELETE FROM results WHERE run = ?", gone)


def _read_run(database: sqlite3.Connection, run: RunFolder) -> None:
    """Take in a run: what is not known of it; of a run that goes on, it is looked again."""
    stamp, status = _stamp(run), run.read_status()
    has_ended = is_over(status)
    query = "SELECT variant, size, mtime_ns FROM results WHERE run = ?"
    known = {name: (size, mtime_ns) for name, size, mtime_ns in _all(database, query, run.id)}
    there = dict(_results(run))
    rows = [(run.id, name, *_read(run.variant(name)), *at)
            for name, at in there.items() if known.get(name) != at]  # fmt: skip
    gone = [(run.id, name) for name in known.keys() - there.keys()]
    is_complete = bool(status.get("is_complete"))
    about = (status.get("pipeline"), stamp if has_ended else "", has_ended, is_complete)
    with _transaction(database):
        _insert(database, rows)
        database.executemany("DELETE FROM results WHERE run = ? AND variant = ?", gone)
        database.execute("REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", (run.id, *about))


def _results(run: RunFolder) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the variants of a run that have a result, with its size and time."""
    with contextlib.suppress(OSError):
        for folder in run.variants.iterdir():
            with contextlib.suppress(OSError):
                if not folder.name.startswith("."):
                    yield folder.name, _look(folder)


def _read(folder: VariantFolder) -> tuple[Any, ...]:
    """Return what is noted of a result."""
    try:
        outcome = Outcome.from_record(read_json(folder.result))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return ("", "", "", 0, 0.0, 0.0, "{}")
    record = VariantRecord.read(folder)
    stage, is_copy = (record.stage, record.source is not None) if record else ("", False)
    return _told(outcome, stage, is_copy=is_copy)


def _told(outcome: Outcome, stage: str, *, is_copy: bool) -> tuple[Any, ...]:
    """Return what is noted of an outcome; its key only if it may be used."""
    key = outcome.key if outcome.state in (State.FINISHED, State.PRUNED) else ""
    times = (outcome.ended, outcome.duration_s)
    return (key, stage, outcome.state.value, is_copy, *times, canonical_json(outcome.observed))


def _insert(database: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    database.executemany("REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _stamp(run: RunFolder) -> str:
    """Return what changes when a run that has ended is changed."""
    seen = []
    for path in (run.status, run.variants):
        with contextlib.suppress(OSError):
            found = path.stat()
            seen.append(f"{found.st_mtime_ns}-{found.st_size}")
    return " ".join(seen)


def _look(folder: Path) -> tuple[int, int]:
    found = VariantFolder(folder).result.stat()
    return found.st_size, found.st_mtime_ns


def _is_result(folder: Path) -> bool:
    return VariantFolder(folder).result.is_file()


def _inode(file: Path) -> tuple[int, int]:
    with contextlib.suppress(OSError):
        found = file.stat()
        return found.st_dev, found.st_ino
    return (0, 0)


def _make(database: sqlite3.Connection) -> None:
    """Make the tables, if nobody else has made them meanwhile."""
    with _transaction(database):
        if _format(database) != _FORMAT:
            for statement in _SCHEMA.split(";"):
                database.execute(statement)


def _copy(database: sqlite3.Connection, file: Path) -> None:
    """Take over what a database of the same format knows."""
    database.execute("ATTACH ? AS disk", (f"{file}",))
    try:
        if database.execute("PRAGMA disk.user_version").fetchone() == (_FORMAT,):
            for table in ("results", "runs"):
                database.execute(f"INSERT INTO main.{table} SELECT * FROM disk.{table}")
    finally:
        database.execute("DETACH disk")


def _format(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _all(database: sqlite3.Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return database.execute(query, values).fetchall()


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
