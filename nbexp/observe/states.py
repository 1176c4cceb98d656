"""States of files and folders: as they are recorded, and whether they are still the same.

A state is a table: ``kind`` is "file", "folder", "pattern", "other" (a pipe, a device) or ""
(nothing there). A file that was read has its ``digest`` and what a quick look compares (``size``,
``mtime_ns``, ``ctime_ns`` and ``inode``); a folder that was listed and a pattern have the digest of
the names; what was only looked for has no digest. ``left`` is the digest that the notebook itself
left there by writing.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Mapping
from typing import Any

from nbexp.observe.names import glob_digest, list_digest

State = Mapping[str, Any]

_QUICK = ("size", "mtime_ns", "ctime_ns", "inode")
_UNSETTLED_NS = 2_000_000_000  # in which a file may change again without a later time
_SMALL_BYTES = 1 << 18  # that is read at once
_MOST_BYTES = 1 << 30  # of a file; of a larger one only the quick look counts


class Files:
    """Looks at files, each content once as long as it does not change."""

    def __init__(self) -> None:
        self._digests: dict[tuple[Any, ...], str] = {}

    def state(self, path: str) -> dict[str, Any]:
        """Return the state of a file that is read."""
        look = quick_look(path)
        if look is None:
            return {"kind": ""}
        if look["kind"] != "file":
            return look
        if look["size"] <= _MOST_BYTES:
            look["digest"] = self.digest(path, look)
        return look

    def digest(self, path: str, look: State) -> str:
        """Return the hash of a file's content; an empty text where it can't be read."""
        key = (path, look["size"], look["mtime_ns"], look["ctime_ns"], look["inode"])
        known = self._digests.get(key)
        if known is not None:
            return known
        digest = _digest(path)
        if time.time_ns() - look["ctime_ns"] > _UNSETTLED_NS:
            self._digests[key] = digest
        return digest

    def is_same(self, path: str, state: State) -> bool:
        """Whether what lies at a path is what a state says."""
        kind = str(state["kind"])
        if kind == "pattern":
            return glob_digest(path) in (state["digest"], state.get("left"))
        look = quick_look(path)
        if look is None:
            return "" in (kind, state.get("left"))
        if "left" in state and self._is_left(path, look, state["left"]):
            return True
        if look["kind"] != kind:
            return False
        if kind == "folder":
            return "digest" not in state or list_digest(path) == state["digest"]
        return "size" not in state or self._is_same_file(path, look, state)

    def _is_same_file(self, path: str, look: State, state: State) -> bool:
        if look["size"] != state["size"] or state.get("is_changing"):
            return False
        if all(look[name] == state[name] for name in _QUICK):
            return True
        return "digest" in state and self.digest(path, look) == state["digest"]

    def _is_left(self, path: str, look: State, left: str) -> bool:
        if look["kind"] == "folder":
            return left in ("folder", list_digest(path))
        if look["kind"] == "other":
            return left == "other"
        return self.digest(path, look) == left


def quick_look(path: str) -> dict[str, Any] | None:
    """Return the kind of what lies at a path, and of a file what tells that it has changed."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(found.st_mode):  # to read a pipe would block, and a device never end
        return {"kind": "folder" if stat.S_ISDIR(found.st_mode) else "other"}
    return {
        "kind": "file",
        "size": found.st_size,
        "mtime_ns": found.st_mtime_ns,
        "ctime_ns": found.st_ctime_ns,
        "inode": found.st_ino,
    }


def _digest(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            start = file.read(_SMALL_BYTES)
            if len(start) < _SMALL_BYTES:
                return hashlib.sha256(start).hexdigest()
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""
