"""Locks on identities, so that runs that go on at once never compute the same thing twice."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path


class KeyLocks:
    """Locks for the drivers that share a folder of runs; a driver's death frees its own.

    Each key is one byte, far out in one file that has a byte for each driver there ever was; the
    first byte is shared by those that are alive.

    Args:
        folder: The folder of runs.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / ".keys.lock").open("a+b", buffering=0)
        self._held: set[str] = set()
        self._taken: set[str] = set()
        self._guard = threading.Lock()
        fcntl.lockf(self._file, fcntl.LOCK_SH, 1, 0)
        self._file.write(b".")
        self._size = os.fstat(self._file.fileno()).st_size
        self._is_shared = not self._is_alone()

    def may_have_ended(self, key: str) -> bool:
        """Whether somebody may have finished with a key since these locks were opened."""
        self._is_shared = self._is_shared or os.fstat(self._file.fileno()).st_size != self._size
        return self._is_shared or key in self._taken

    def acquire(self, key: str) -> bool:
        """Lock a key; False where it is locked, by this driver or another."""
        with self._guard:
            if key in self._held:
                return False
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _offset(key))
            except OSError:
                return False
            self._held.add(key)
            self._taken.add(key)
            return True

    def release(self, key: str) -> None:
        """Free a key."""
        with self._guard:
            if key in self._held:
                self._held.remove(key)
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, _offset(key))

    def close(self) -> None:
        """Free all keys."""
        self._file.close()

    def _is_alone(self) -> bool:
        """Whether no other driver is alive."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
        except OSError:
            return False
        fcntl.lockf(self._file, fcntl.LOCK_SH, 1, 0)
        return True


def _offset(key: str) -> int:
    return int(key[:15], 16) + 1
