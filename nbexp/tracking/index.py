"""Finds finished variants by their key in MLflow, one by one or all at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from nbexp.tracking.database import tags_by_key

_FEW = 50
_PAGE = 1000
_MOST = 50_000


class KeyIndex:
    """Looks up keys.

    In a database on this machine, by a query of its own; else through MLflow, a few each by a
    query, many by reading all that finished.

    Args:
        client: Returns MLflow's client.
        runs: The folder of runs, for variants whose folder was moved along with it.
        database: The SQLite database in which MLflow keeps its runs, or None.
    """

    def __init__(self, client: Callable[[], Any], runs: Path, database: Path | None) -> None:
        self._client = client
        self._runs = runs
        self._database = database
        self._experiments: list[str] | None = None
        self._known: dict[str, Path] = {}
        self._is_complete = False

    def include(self, experiment_id: str) -> None:
        """Look in an experiment too that was made after this index."""
        if self._experiments is not None and experiment_id not in self._experiments:
            self._experiments.append(experiment_id)

    def find(self, keys: Collection[str]) -> dict[str, Path]:
        """Return the folder of a variant for each key that is known."""
        missing = [key for key in keys if not self._is_there(key)]
        if missing and not self._read_database(missing):
            self._ask(missing)
        return {key: self._known[key] for key in keys if self._is_there(key)}

    def _is_there(self, key: str) -> bool:
        return key in self._known and (self._known[key] / "result.json").is_file()

    def _read_database(self, keys: Collection[str]) -> bool:
        """Look keys up without MLflow; return whether that could be done."""
        if self._database is None:
            return False
        try:
            for tags in tags_by_key(self._database, keys):
                self._take(tags)
        except (sqlite3.Error, OSError):  # MLflow may know what to do with it
            self._database = None
        return self._database is not None

    def _ask(self, keys: Collection[str]) -> None:
        if len(keys) <= _FEW:
            for key in keys:
                self._read(f"tags.`nbexp.key` = '{key}'", most=_FEW)
        elif not self._is_complete:
            self._read("tags.`nbexp.key` IS NOT NULL", most=_MOST)
            self._is_complete = True

    def _read(self, query: str, *, most: int) -> None:
        client = self._client()
        if self._experiments is None:
            found = client.search_experiments(max_results=1000)
            self._experiments = [each.experiment_id for each in found]
        token, count = None, 0
        while count < most:
            page = client.search_runs(
                self._experiments,
                filter_string=f"{query} and attributes.status = 'FINISHED'",
                order_by=["attributes.start_time DESC"],
                max_results=min(_PAGE, most),
                page_token=token,
            )
            for run in page:
                self._take(run.data.tags)
            count, token = count + len(page), page.token
            if not token:
                return

    def _take(self, tags: Mapping[str, str]) -> None:
        """Note where a variant lies; of several with one key the newest that is still there."""
        key = tags["nbexp.key"]
        if self._is_there(key):
            return
        moved = self._runs / tags.get("nbexp.run", "") / "variants" / tags.get("nbexp.variant", "")
        for folder in (Path(tags.get("nbexp.folder", "")), moved):
            if (folder / "result.json").is_file():
                self._known[key] = folder
                return
