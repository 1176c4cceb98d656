"""Looks things up in MLflow's SQLite database without MLflow, which takes a second to import.

Only what has stood in MLflow's tables since its first version is read, and nothing is written.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

_BUSY_S = 30.0
_TAGS = ("nbexp.folder", "nbexp.run", "nbexp.variant")
_FINISHED = """
    JOIN runs ON runs.run_uuid = own.run_uuid
        AND runs.status = 'FINISHED' AND runs.lifecycle_stage = 'active'
    JOIN experiments ON experiments.experiment_id = runs.experiment_id
        AND experiments.lifecycle_stage = 'active'
"""
_BY_KEY = f"""
    SELECT own.value, folder.value, run.value, variant.value FROM tags AS own {_FINISHED}
    LEFT JOIN tags AS folder ON folder.run_uuid = own.run_uuid AND folder.key = ?
    LEFT JOIN tags AS run ON run.run_uuid = own.run_uuid AND run.key = ?
    LEFT JOIN tags AS variant ON variant.run_uuid = own.run_uuid AND variant.key = ?
    WHERE own.key = 'nbexp.key' AND own.value IN (SELECT value FROM json_each(?))
    ORDER BY runs.start_time DESC
"""
_DURATIONS = f"""
    SELECT duration.value FROM tags AS own {_FINISHED}
    JOIN tags AS duration ON duration.run_uuid = own.run_uuid AND duration.key = 'nbexp.duration_s'
    WHERE own.key = 'nbexp.stage' AND own.value = ? AND experiments.name = ?
    ORDER BY runs.start_time DESC LIMIT ?
"""


def tags_by_key(database: Path, keys: Collection[str]) -> list[Mapping[str, str]]:
    """Return tags of the finished runs that have one of these identities, newest first.

    Raises:
        sqlite3.Error: It is no database of MLflow's, or not as it is known here.
    """
    found = _read(database, _BY_KEY, *_TAGS, json.dumps(list(keys)))
    return [
        {name: value for name, value in zip(("nbexp.key", *_TAGS), row, strict=True) if value}
        for row in found
    ]


def durations_s(database: Path, experiment: str, stage: str, most: int) -> list[float]:
    """Return the seconds that the last finished variants of a stage took, newest first.

    Raises:
        sqlite3.Error: It is no database of MLflow's, or not as it is known here.
    """
    return [float(value) for (value,) in _read(database, _DURATIONS, stage, experiment, most)]


def _read(database: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with contextlib.closing(_open(database)) as connection:
        return connection.execute(query, values).fetchall()


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)
