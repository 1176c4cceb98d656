"""Finds variants by their key in MLflow that finished elsewhere: in another folder, or machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nbexp.files import append_line
from nbexp.lines import read_lines
from nbexp.runs.folder import RunFolder
from nbexp.runs.variant_folder import VariantFolder

_FEW = 50
_PAGE = 1000
_MOST = 50_000


class KeyIndex:
    """Looks up keys: a few each by a query, many by reading all that finished.

    Args:
        client: Returns MLflow's client.
        runs: The folder of runs, for variants whose folder was moved along with it.
    """

    def __init__(self, client: Callable[[], Any], runs: Path) -> None:
        self._client = client
        self._runs = runs
        self._experiments: list[str] | None = None
        self._known: dict[str, list[Path]] = {}
        self._is_complete = False

    def include(self, experiment_id: str) -> None:
        """Look in an experiment too that was made after this index."""
        if self._experiments is not None and experiment_id not in self._experiments:
            self._experiments.append(experiment_id)

    def find(self, keys: Collection[str]) -> dict[str, list[Path]]:
        """Return the folders of variants for each key that is known, the newest first."""
        missing = [key for key in keys if not self._there(key)]
        if len(missing) <= _FEW:
            for key in missing:
                self._read(f"tags.`nbexp.key` = '{key}'", most=_FEW)
        elif not self._is_complete:
            self._read("tags.`nbexp.key` IS NOT NULL", most=_MOST)
            self._is_complete = True
        return {key: there for key in keys if (there := self._there(key))}

    def _there(self, key: str) -> list[Path]:
        return [folder for folder in self._known.get(key, ()) if _is_result(folder)]

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
        """Note where a variant lies, if it is still there."""
        run = RunFolder(self._runs / tags.get("nbexp.run", ""))
        moved = run.variant(tags.get("nbexp.variant", "")).path
        known = self._known.setdefault(tags["nbexp.key"], [])
        for folder in (Path(tags.get("nbexp.folder", "")), moved):
            if _is_result(folder) and folder not in known:
                known.append(folder)
                return


def note_folder(database: Path, folder: Path) -> None:
    """Note beside a database which folder of a pipeline it is used from, if it is not its own."""
    if folder != database.parent and str(folder) not in _noted(database):
        with suppress(OSError):
            append_line(_notes(database), str(folder))


def knows_more(database: Path, folder: Path) -> bool:
    """Whether a database may know results that the runs of a pipeline's folder don't hold."""
    return database.exists() and (folder != database.parent or bool(_noted(database)))


def _noted(database: Path) -> list[str]:
    try:
        return list(read_lines(_notes(database)))
    except OSError:
        return []


def _notes(database: Path) -> Path:
    return database.with_name(f".{database.name}.folders")


def _is_result(folder: Path) -> bool:
    return VariantFolder(folder).result.is_file()
