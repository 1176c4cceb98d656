"""The folder that a kernel starts in: its template's, another one, or one of the variant's own.

One of the variant's own, ``work/`` in its folder, stands for the folder that holds the project.
What the project's folders have is there under the same names: folders are made, files copied, so
that what a notebook writes or alters is its own. Where a copy costs too much, a link stands for
it, and writing into that reaches the original. Afterwards what the notebook left as it was is
taken away, so that only its own files stay, and are there again if it goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from nbexp.errors import NbexpError
from nbexp.execute.job import Job
from nbexp.files import read_json, write_json

LARGEST_COPY = 32 * 2**20
MOST_COPIED = 256 * 2**20
MOST_FILES = 2_000
_MOST_BESIDE = 1_000  # in the folder that holds the project
_RECORD = ".nbexp-copies.json"
_SHARED = ("mlflow.db", "mlflow.db-wal", "mlflow.db-shm", "mlflow.db-journal")
_NOT_COPIED = ("mlartifacts", "mlruns", "node_modules", "runs")
_ENVIRONMENT = ("pyvenv.cfg", "conda-meta")  # what a virtual environment has in it
_FICLONE = 0x40049409  # of Linux: a copy that shares its blocks until one is written
_NO_CLONES = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS)


class CwdError(NbexpError):
    """The folder that a kernel is to start in can't be made."""


def cwd_of(job: Job) -> Path:
    """Return the folder that the kernel of a job starts in."""
    if job.mirrored is None:
        return job.cwd or job.template.parent
    place = job.template.parent.relative_to(job.mirrored)
    return job.files.work / job.mirrored.name / place


@contextlib.contextmanager
def prepared(job: Job) -> Iterator[None]:
    """Have the folder there that a kernel starts in, while it runs.

    Raises:
        CwdError: It can't be made.
    """
    try:
        if job.mirrored is not None:
            clear(job.files.work)
            _Layout(job, job.mirrored).make()
        elif job.cwd is not None:
            job.cwd.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"The kernel can't start in {cwd_of(job)}: {error}."
        raise CwdError(f"{message} Choose another folder: cwd = …") from error
    try:
        yield
    finally:
        clear(job.files.work)


def clear(work: Path) -> None:
    """Take away what was laid out for a notebook and is as it was; what it wrote stays."""
    try:
        record = read_json(work / _RECORD)
        original, copies = Path(record["original"]), record["copies"]
    except (OSError, ValueError, LookupError, TypeError):
        return
    for folder, folders, files in os.walk(work, topdown=False):
        place = os.path.relpath(folder, work)
        for name in [*files, *folders]:
            _clear_one(Path(folder) / name, original / place / name, copies)
        with contextlib.suppress(OSError):  # there is something in it
            if (original / place).is_dir():
                Path(folder).rmdir()
    (work / _RECORD).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        work.rmdir()


def _clear_one(path: Path, original: Path, copies: dict[str, list[int]]) -> None:
    with contextlib.suppress(OSError):
        if path.is_symlink():
            if path.readlink() == original:
                path.unlink()
        elif path.name == "__pycache__":
            shutil.rmtree(path)
        elif copies.get(str(original)) == _stamp(path):
            path.unlink()


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


class _Layout:
    """Lays out what is around a template in the folder of a variant, the nearest first."""

    def __init__(self, job: Job, project: Path) -> None:
        self._start = job.template.parent
        self._project = project
        self._work = job.files.work
        self._runs = job.folder.resolve().parents[:3]  # this run's, and where it lies
        self._copies: dict[str, list[int]] = {}
        self._copied = 0
        self._count = 0
        self._can_clone = sys.platform == "linux"

    def make(self) -> None:
        up = [each for each in self._start.parents if each.is_relative_to(self._project)]
        way = [self._start, *up] if self._start != self._project else [self._start]
        for folder in way:
            self._place(folder).mkdir(parents=True, exist_ok=True)
        try:
            self._fill(way)
            self._link_neighbours()
        finally:
            record = {"original": str(self._project.parent), "copies": self._copies}
            write_json(self._work / _RECORD, record)

    def _fill(self, way: list[Path]) -> None:
        pending = deque(way)
        while pending:
            folder = pending.popleft()
            if self._count >= MOST_FILES and folder not in way:
                self._link(folder)
                continue
            place = self._place(folder)
            if place.is_symlink() or place.is_file():  # the notebook's own, in its place
                continue
            place.mkdir(exist_ok=True)
            for entry in _entries(folder):
                path = Path(entry.path)
                if path in way or path in self._runs:
                    continue
                if entry.is_dir(follow_symlinks=False) and not _is_shared(path):
                    pending.append(path)
                else:
                    self._add(path, is_file=entry.is_file())

    def _add(self, path: Path, *, is_file: bool) -> None:
        self._count += 1
        if os.path.lexists(self._place(path)):  # the notebook's own, of an earlier execution
            return
        if not is_file or path.name in _SHARED or not self._copy(path):
            self._link(path)

    def _copy(self, path: Path) -> bool:
        """Copy a file, and return whether that was possible and not too much."""
        target = self._place(path)
        try:
            size = path.stat().st_size
            if not self._clone(path, target):
                if size > LARGEST_COPY or self._copied + size > MOST_COPIED:
                    return False
                self._copied += size
                shutil.copyfile(path, target)
            shutil.copystat(path, target)
            self._copies[str(path)] = _stamp(target)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            target.unlink(missing_ok=True)
            return False
        return True

    def _clone(self, path: Path, target: Path) -> bool:
        """Copy a file without its content, where the file system can."""
        if not self._can_clone:
            return False
        import fcntl

        try:
            with path.open("rb") as source, target.open("wb") as copy:
                fcntl.ioctl(copy.fileno(), _FICLONE, source.fileno())
        except OSError as error:
            target.unlink(missing_ok=True)
            self._can_clone = error.errno not in _NO_CLONES
            return False
        return True

    def _link(self, path: Path) -> None:
        with contextlib.suppress(FileExistsError):
            self._place(path).symlink_to(path)

    def _link_neighbours(self) -> None:
        """Link what lies beside the project, but what is hidden."""
        entries = [entry for entry in _entries(self._project.parent) if entry.name[0] != "."]
        own = self._project.name
        for entry in entries if len(entries) <= _MOST_BESIDE else ():
            if entry.name != own:
                self._link(Path(entry.path))

    def _place(self, path: Path) -> Path:
        return self._work / path.relative_to(self._project.parent)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted((e for e in found if e.name != "__pycache__"), key=lambda e: e.name)
    except OSError:  # gone, or not to be read
        return []


def _is_shared(folder: Path) -> bool:
    """Whether a folder is too much to be copied, or none of a notebook's own."""
    is_tool = folder.name[0] == "." or folder.name in _NOT_COPIED
    return is_tool or any((folder / name).exists() for name in _ENVIRONMENT)
