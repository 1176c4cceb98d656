"""Anything else, as a pickle, where the user asked for one."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from nbexp.artifacts._base import Details, Format, type_name
from nbexp.errors import ArtifactError

# One protocol for all versions of Python, so that the same content keeps its digest.
_PROTOCOL = 5


class Pickle(Format):
    """Any object, in ``data.pickle``; loading it can run code."""

    name = "pickle"
    runs_code = True

    def accepts(self, _value: object, /) -> bool:
        return True

    def write(self, value: Any, folder: Path) -> Details:
        try:
            data = pickle.dumps(value, protocol=_PROTOCOL)
        except Exception as error:
            raise ArtifactError(
                f"A {type_name(value)} can't be pickled: {error}. Convert it to data first (a "
                "DataFrame, an array, a dict), or save it to a file by its own library and give "
                "nbexp.save the pathlib.Path."
            ) from error
        (folder / "data.pickle").write_bytes(data)
        return {}

    def read(self, folder: Path, _details: Details, /) -> Any:
        try:
            return pickle.loads((folder / "data.pickle").read_bytes())
        except (AttributeError, ImportError) as error:
            raise ArtifactError(
                f"{folder}: its pickle needs something that can't be imported here: {error}. "
                "Classes defined in a notebook can't be found from another one: move them into a "
                "module, or save plain data."
            ) from error
