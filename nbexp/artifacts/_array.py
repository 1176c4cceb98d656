"""Numpy arrays and scalars."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbexp.artifacts._base import Details, Format, loaded

if TYPE_CHECKING:
    import numpy as np


class Array(Format):
    """A numpy array or scalar, in ``data.npy``, never pickled."""

    name = "array"

    def accepts(self, value: object) -> bool:
        return is_array(value)

    def write(self, value: np.ndarray[Any, Any] | np.generic, folder: Path) -> Details:
        import numpy as np

        # C order, so that the digest depends on the content and not on its place in memory.
        np.save(folder / "data.npy", np.asarray(value, order="C"), allow_pickle=False)
        return {"scalar": isinstance(value, np.generic)}

    def read(self, folder: Path, details: Details) -> Any:
        import numpy as np

        array = np.load(folder / "data.npy", allow_pickle=False)
        return array[()] if details["scalar"] else array


def is_array(value: object) -> bool:
    """Return whether a value is a numpy array or scalar that a ``.npy`` file gives back whole.

    Masked arrays and other subclasses would lose what they add; dtypes that hold Python objects
    would need a pickle.
    """
    np = loaded("numpy")
    if np is None:
        return False
    is_plain = type(value) in (np.ndarray, np.memmap) or isinstance(value, np.generic)
    return is_plain and _is_storable(value.dtype)  # type: ignore[attr-defined]


def _is_storable(dtype: Any) -> bool:
    from numpy.lib import format as npy

    if dtype.hasobject:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that a pickle would be needed: then it differs
        return bool(npy.descr_to_dtype(npy.dtype_to_descr(dtype)) == dtype)
