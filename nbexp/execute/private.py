"""Temporary folders that nobody else can enter, and that are cleared away whoever dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from nbexp.execute.guard import OWNER, Guard, remove

_PREFIX = "nbexp-"
_YOUNG_S = 60.0  # its owner may be about to lock it


class PrivateFolder:
    """A new temporary folder of mode 0700, which is locked as long as this process lives.

    A guard removes it if this process is killed; where the guard is killed too, or could not
    remove it, `sweep` does.

    Attributes:
        path: The folder.
    """

    def __init__(self, guard: Guard, *, prefix: str = "", longest: int) -> None:
        """Make the folder.

        Args:
            guard: Removes it, and ends what has files open there, if this process is killed.
            prefix: What its name begins with, after ``nbexp-``.
            longest: Bytes that the path of the folder above it may have, since sockets are to
                lie in it, whose whole paths may have about 100; ``/tmp`` is taken for a longer one.

        Raises:
            OSError: It can't be made.
        """
        self._guard = guard
        parent = temporary_folder(longest)
        self.path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{prefix}", dir=parent))
        guard.watch(self.path)
        try:
            self._lock = (self.path / OWNER).open("wb")
        except OSError:
            self._remove()
            raise
        with contextlib.suppress(OSError):  # a file system without locks, where none is swept
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Remove the folder."""
        self._remove()
        self._lock.close()

    def _remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._guard.forget(self.path)


def temporary_folder(longest: int) -> str:
    """Return the folder for temporary files, or ``/tmp`` where its path has too many bytes."""
    folder = tempfile.gettempdir()
    return folder if len(os.fsencode(folder)) <= longest else "/tmp"


def sweep() -> None:
    """Remove the private folders of this user whose owner has died, and end what uses them."""
    for parent in {tempfile.gettempdir(), "/tmp"}:
        with contextlib.suppress(OSError), os.scandir(parent) as entries:
            for entry in entries:
                if entry.name.startswith(_PREFIX):
                    with contextlib.suppress(OSError):
                        _sweep(entry)


def _sweep(folder: os.DirEntry[str]) -> None:
    state = folder.stat(follow_symlinks=False)
    is_private = stat.S_ISDIR(state.st_mode) and stat.S_IMODE(state.st_mode) & 0o077 == 0
    if not is_private or state.st_uid != os.getuid():
        return
    with Path(folder.path, OWNER).open("r+b") as lock:
        if time.time() - os.fstat(lock.fileno()).st_mtime > _YOUNG_S:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(folder.path, spare=0)
