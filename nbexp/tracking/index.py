"""Finds finished variants by their key in MLflow, one by one or all at once."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

_FEW = 50
_PAGE = 1000
_MOST = 50_000


class KeyIndex:
    """Looks up keys; a few each by a query of its own, many by reading all that finished.

    Args:
        client: MLflow's client.
        runs: The folder of runs, for variants whose folder was moved along with it.
    """

    def __init__(self, client: Any, runs: Path) -> None:
        self._client = client
        self._runs = runs
        self._experiments = [e.experiment_id for e in client.search_experiments(max_results=1000)]
        self._known: dict[str, Path] = {}
        self._is_complete = False

    def include(self, experiment_id: str) -> None:
        """Look in an experiment too that was made after this index."""
        if experiment_id not in self._experiments:
            self._experiments.append(experiment_id)

    def find(self, keys: Collection[str]) -> dict[str, Path]:
        """Return the folder of a variant for each key that is known."""
        if len(keys) > _FEW and not self._is_complete:
            self._read_all()
        elif len(keys) <= _FEW:
            for key in keys:
                if not self._is_there(key):
                    self._read(f"tags.`nbexp.key` = '{key}'", most=_FEW)
        return {key: self._known[key] for key in keys if self._is_there(key)}

    def _is_there(self, key: str) -> bool:
        return key in self._known and (self._known[key] / "result.json").is_file()

    def _read_all(self) -> None:
        self._read("tags.`nbexp.key` IS NOT NULL", most=_MOST)
        self._is_complete = True

    def _read(self, query: str, *, most: int) -> None:
        token, count = None, 0
        while count < most:
            page = self._client.search_runs(
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

    def _take(self, tags: dict[str, str]) -> None:
        """Note where a variant lies; of several with one key the newest that is still there."""
        key = tags["nbexp.key"]
        if self._is_there(key):
            return
        moved = self._runs / tags.get("nbexp.run", "") / "variants" / tags.get("nbexp.variant", "")
        for folder in (Path(tags.get("nbexp.folder", "")), moved):
            if (folder / "result.json").is_file():
                self._known[key] = folder
                return
