"""Locks on identities, so that runs that go on at once never compute the same thing twice."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path


class KeyLocks:
    """Locks for the drivers that share a folder of runs; a driver's death frees its own.

    Each key is one byte, far out in one empty file.

    Args:
        folder: The folder of runs.
    """

    def __init__(self, folder: Path) -> None:
        self._file = (folder / ".keys.lock").open("ab")
        self._held: set[str] = set()
        self._guard = threading.Lock()

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


def _offset(key: str) -> int:
    return int(key[:15], 16)
