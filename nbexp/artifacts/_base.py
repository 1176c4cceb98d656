"""The contract that every format of an artifact keeps."""

from __future__ import annotations

import abc
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from nbexp import files
from nbexp.errors import ArtifactError

Details = Mapping[str, Any]


class UnfitError(ArtifactError):
    """A value of an accepted type does not fit after all; a pickle may hold it, where asked for."""


class Format(abc.ABC):
    """How values of some types are kept as files in a folder.

    Attributes:
        name: Name of the format, as ``artifact.json`` gives it.
        runs_code: Whether loading can run code that the files hold, so that the user has to ask
            for it.
    """

    name: ClassVar[str]
    runs_code: ClassVar[bool] = False

    @abc.abstractmethod
    def accepts(self, value: object, /) -> bool:
        """Return whether a value can be kept; must not import a library to find out."""

    @abc.abstractmethod
    def write(self, value: Any, folder: Path) -> Details:
        """Write a value into an empty folder, and return what `read` needs besides the files.

        Raises:
            UnfitError: The value turned out not to fit.
            ArtifactError: It can't be saved at all.
        """

    @abc.abstractmethod
    def read(self, folder: Path, details: Details, /) -> Any:
        """Return the value that `write` wrote."""

    def fingerprint(self, folder: Path, hashes: Mapping[str, str]) -> str:  # noqa: ARG002
        """Return a hash of the written content, without names, dates or versions of software.

        Args:
            folder: Where it is written.
            hashes: SHA-256 of each file in there, by path.
        """
        return files.digest(dict(hashes))


def type_name(value: object) -> str:
    """Return a value's type as the user knows it, such as ``numpy.ndarray of object``."""
    dtype = getattr(value, "dtype", None)
    return _public_name(type(value)) + (f" of {dtype}" if dtype is not None else "")


def _public_name(kind: type) -> str:
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    public = [part for part in kind.__module__.split(".") if not part.startswith("_")]
    return ".".join([*public, kind.__qualname__])


def loaded(module: str) -> Any:
    """Return a module if it was imported, else None; then no value can be of its types."""
    return sys.modules.get(module)
