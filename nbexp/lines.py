"""Files that grow by lines: logs, events, metrics, requests. What is appended is read once."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbexp.files import ChecksumError, from_checked_json, open_file

_MOST = 2**30


class GrowingFile:
    """The lines of a file that others append to, each returned once.

    Args:
        path: The file; it need not be there yet.
        offset: Number of bytes that are passed over.
        most: Number of bytes that are read at a time.

    Attributes:
        offset: Number of bytes that have been returned.
        rest: What follows the last line break: a line that has no end yet.
    """

    def __init__(self, path: Path, offset: int = 0, most: int = _MOST) -> None:
        self.path = path
        self.offset = offset
        self.rest = b""
        self._most = most

    @property
    def unread(self) -> int:
        """Number of bytes that are left; below zero where the file began anew, as a log does."""
        try:
            return self.path.stat().st_size - self.offset
        except OSError:
            return 0

    def take(self) -> bytes:
        """Return the whole lines since the last call; none while there is no file.

        A file that began anew is read from its beginning. A line that is longer than what is read
        at a time comes in pieces.

        Raises:
            OSError: The file is there, but can't be read.
        """
        try:
            found = self.path.stat()
            if found.st_size < self.offset:
                self.offset, self.rest = 0, b""
            if found.st_size == self.offset and stat.S_ISREG(found.st_mode):
                return b""
            with open_file(self.path, most=None) as file:
                file.seek(self.offset)
                data = file.read(self._most)
        except FileNotFoundError:
            return b""
        end = data.rfind(b"\n") + 1
        if not end and len(data) == self._most:
            end = len(data)
        self.offset += end
        self.rest = data[end:]
        return data[:end]


class JsonLinesFile:
    """The values of a growing file of JSON lines, each returned once.

    Args:
        path: The file; it need not be there yet.
        offset: Number of bytes that are passed over.
        damage: Takes what is wrong with lines that are left out, in words.
        most: Bytes by which it may grow between two looks; 1 GiB.
    """

    def __init__(
        self,
        path: Path,
        offset: int = 0,
        damage: list[str] | None = None,
        most: int = _MOST,
    ) -> None:
        self._file = GrowingFile(path, offset)
        self._most = most
        self._damage = [] if damage is None else damage
        self._number = 0  # of the last line

    def is_anew(self) -> bool:
        """Whether the file has become shorter."""
        return self._file.unread < 0

    def take(self) -> Iterator[Any]:
        """Yield the values of the whole lines since the last call; damaged lines are left out.

        Raises:
            OSError: The file is there, but can't be read, or has grown by more than that.
        """
        if self._file.unread > self._most:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(self._file.path))
        while data := self._file.take():
            if len(data) == self._file.offset:
                self._number = 0
            for line in data.split(b"\n")[:-1]:
                self._number += 1
                try:
                    value = from_checked_json(line)
                except ChecksumError:
                    self._damage.append(f"line {self._number} is not what was written")
                except ValueError:
                    if line:
                        self._damage.append(f"line {self._number} is no JSON")
                else:
                    yield value


def read_lines(path: Path, damage: list[str] | None = None) -> Iterator[Any]:
    """Yield the values of a file of JSON lines, as `JsonLinesFile` does; none if there is no file.

    Args:
        path: The file.
        damage: Takes what is wrong with lines that are left out, in words.

    Raises:
        OSError: The file can't be read.
    """
    return JsonLinesFile(path, damage=damage).take()
