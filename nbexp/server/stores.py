"""Where notebooks are read from: a folder, or a prefix of a bucket; read, and never written.

Paths are relative to the root and have slashes; the root is the empty path. What is hidden, and
what would lead out of the root, is not there.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nbexp.errors import UsageError
from nbexp.runs.folder import LOCK, TEMPLATES

NOTEBOOK = ".ipynb"
# Not searched: they hold no notebooks, or copies of those that lie elsewhere.
_SKIPPED = ("__pycache__", "node_modules", "mlartifacts", "mlruns")
_REPORT = "nbexp-report"  # a file in the folders of reports
_NOT_THERE = (
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ESTALE,
)  # fmt: skip


@dataclass(frozen=True)
class StoreEntry:
    """A file or a folder.

    Attributes:
        path: Its path in the store.
        is_folder: Whether it is a folder.
        size: Its bytes; 0 for folders.
        changed: Seconds since 1970; 0 where that is not known.
    """

    path: str
    is_folder: bool
    size: int = 0
    changed: float = 0.0

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_notebook(self) -> bool:
        """Whether it is a notebook, by its name."""
        return not self.is_folder and self.path.endswith(NOTEBOOK)


class Store(Protocol):
    """What a server needs of a place with notebooks; the methods may be called by many threads.

    An `OSError` that is not `is_missing` tells that a place can't be read.
    """

    title: str

    def stat(self, path: str) -> StoreEntry | None:
        """Return what is at a path; None if there is nothing."""

    def list(self, path: str) -> list[StoreEntry]:
        """Return what lies in a folder, in no order."""

    def notebooks(self, path: str) -> Iterator[StoreEntry]:
        """Yield the notebooks in a folder and in those beneath."""

    def read(self, path: str, start: int = 0, count: int | None = None) -> bytes:
        """Return a file's bytes from `start` on, at most `count`.

        Raises:
            FileNotFoundError: There is no such file.
        """

    def local(self, path: str) -> Path | None:
        """Return where something lies on this machine; None if it does not, or is not there."""


def is_proper(path: str) -> bool:
    """Whether a path stays in its root, and names nothing hidden."""
    return not path or all(
        part and part[0] != "." and not set(part) & {"\0", "\\"} for part in path.split("/")
    )


def is_missing(error: OSError) -> bool:
    """Whether an error says that there is nothing of a name, rather than what keeps it away."""
    return error.errno in _NOT_THERE or (error.errno is None and type(error) is FileNotFoundError)


class LocalStore:
    """A folder.

    Args:
        root: The folder.

    Raises:
        UsageError: There is no such folder.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise UsageError(f"{root} is no folder. Name a folder with notebooks, or a run's.")
        self._root = root.resolve()
        self.title = self._root.name or str(self._root)

    def local(self, path: str) -> Path | None:
        """Return where something lies; None for what is hidden or leads out of the root."""
        if not is_proper(path):
            return None
        try:
            found = (self._root / path).resolve(strict=True)
        except RuntimeError:  # links in a circle
            return None
        except OSError as error:
            if is_missing(error):
                return None
            raise
        is_inside = found.is_relative_to(self._root)
        return found if is_inside and is_proper(_relative(found, self._root)) else None

    def stat(self, path: str) -> StoreEntry | None:
        """Return what is at a path; None if there is nothing."""
        found = self.local(path)
        return _entry(path, found) if found else None

    def list(self, path: str) -> list[StoreEntry]:
        """Return what lies in a folder, in no order."""
        folder = self.local(path)
        if folder is None or not folder.is_dir():
            return []
        inside = (f"{path}/{each.name}" if path else each.name for each in folder.iterdir())
        return [entry for each in inside if (entry := self._listed(each))]

    def notebooks(self, path: str) -> Iterator[StoreEntry]:
        """Yield the notebooks in a folder and in those beneath; links to folders are not gone."""
        folder = self.local(path)
        if folder is None:
            return
        for where, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if _is_searched(name, files))
            for name in sorted(files):
                if name.endswith(NOTEBOOK):
                    inside = _relative(Path(where, name), folder)
                    if entry := self._listed(f"{path}/{inside}" if path else inside):
                        yield entry

    def read(self, path: str, start: int = 0, count: int | None = None) -> bytes:
        """Return a file's bytes from `start` on, at most `count`."""
        found = self.local(path)
        if found is None or not found.is_file():
            raise FileNotFoundError(path)
        with found.open("rb") as file:
            file.seek(start)
            return file.read(-1 if count is None else count)

    def _listed(self, path: str) -> StoreEntry | None:
        """Return what is at a path, among others that are to be seen whatever is wrong with it."""
        try:
            return self.stat(path)
        except OSError:
            return None


def open_store(place: str) -> Store:
    """Return the store at a place: a folder, or ``s3://bucket/prefix``.

    Raises:
        UsageError: It is not there, or can't be read.
    """
    if place.startswith("s3://"):
        from nbexp.server.s3 import S3Store

        return S3Store(place)
    return LocalStore(Path(place))


def _entry(path: str, found: Path) -> StoreEntry | None:
    try:
        about = found.stat()
    except FileNotFoundError:  # removed just now
        return None
    if found.is_dir():
        return StoreEntry(path, True, 0, about.st_mtime)
    return StoreEntry(path, False, about.st_size, about.st_mtime) if found.is_file() else None


def _is_searched(folder: str, beside: list[str]) -> bool:
    """Whether a folder may hold notebooks that lie nowhere else."""
    if _REPORT in beside or (LOCK in beside and folder == TEMPLATES):
        return False
    return folder[0] != "." and folder not in _SKIPPED


def _relative(path: Path, root: Path) -> str:
    found = path.relative_to(root).as_posix()
    return "" if found == "." else found
