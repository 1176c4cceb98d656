"""pandas DataFrames and Series."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nbexp import files
from nbexp.artifacts._base import Details, Format, UnfitError, loaded

if TYPE_CHECKING:
    import pandas as pd

_FILE = "data.parquet"


class Frame(Format):
    """A DataFrame or Series, in ``data.parquet`` with its index.

    Parquet forgets some dtypes (object beside str, categories that are no text, seconds), so
    they are written down and put back. Lists as cells come back as arrays.
    """

    name = "frame"

    def accepts(self, value: object) -> bool:
        pd = loaded("pandas")
        return pd is not None and type(value) in (pd.DataFrame, pd.Series)

    def write(self, value: Any, folder: Path) -> Details:
        is_series = value.ndim == 1
        frame: pd.DataFrame = value.to_frame() if is_series else value
        try:
            with warnings.catch_warnings():
                # It warns where names would come back changed.
                warnings.simplefilter("error", UserWarning)
                frame.to_parquet(folder / _FILE, engine="pyarrow")
        except Exception as error:
            raise UnfitError(
                f"This {type(value).__name__} does not fit into a parquet file: {error}. Give its "
                "columns text as names and one type each (astype, to_numpy), or call "
                "nbexp.save(name, value, pickle=True)."
            ) from error
        _check_cells(folder / _FILE)
        return {
            "series": is_series,
            "named": is_series and value.name is not None,
            "dtypes": [_describe(dtype) for dtype in frame.dtypes],
            "index": _describe_index(frame.index),
        }

    def read(self, folder: Path, details: Details) -> pd.DataFrame | pd.Series[Any]:
        import pandas as pd

        frame = pd.read_parquet(folder / _FILE, engine="pyarrow")
        for position, described in enumerate(details["dtypes"]):
            column = frame.iloc[:, position]
            if _describe(column.dtype) != described:
                frame.isetitem(position, cast("Any", _restore(column, described)))
        _restore_index(frame, details["index"])
        if not details["series"]:
            return frame
        series = frame.iloc[:, 0]
        return series if details["named"] else series.rename(None)

    def fingerprint(self, folder: Path, hashes: Mapping[str, str]) -> str:  # noqa: ARG002
        """Hash the pages and the schema, but not the footer: it holds versions of software."""
        import hashlib

        import pyarrow.parquet as pq

        data = (folder / _FILE).read_bytes()
        footer = int.from_bytes(data[-8:-4], "little") + 8
        schema = pq.read_schema(folder / _FILE)
        meta = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
        kept = {key: meta[key] for key in meta.keys() - {"creator", "pandas_version"}}
        text = schema.remove_metadata().to_string(truncate_metadata=False)
        return files.digest([hashlib.sha256(data[:-footer]).hexdigest(), text, kept])


def _check_cells(path: Path) -> None:
    """Refuse dicts as cells: parquet gives each of them the keys of all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for column in pq.read_schema(path):
        if pa.types.is_nested(column.type) and "struct" in str(column.type):
            raise UnfitError(
                f"The column {column.name!r} holds dicts, which parquet would change. Spread them "
                "over columns (pandas.json_normalize), make them texts (json.dumps), or call "
                "nbexp.save(name, value, pickle=True)."
            )


def _describe(dtype: Any) -> Any:
    """Return a dtype as JSON: its name, and for a category what its name leaves out."""
    if str(dtype) != "category":
        return str(dtype)
    categories = dtype.categories
    if str(categories.dtype) not in ("int64", "float64", "bool"):
        return "category"  # parquet keeps those of text; others stay what their values are
    values = categories.tolist()
    return {"categories": values, "of": str(categories.dtype), "ordered": bool(dtype.ordered)}


def _restore(column: pd.Series[Any], described: Any) -> pd.Series[Any]:
    import pandas as pd

    if isinstance(described, dict):
        categories = pd.Index(described["categories"], dtype=described["of"])
        return column.astype(pd.CategoricalDtype(categories, ordered=described["ordered"]))
    restored = column.astype(described)
    if described == "object" and str(column.dtype) == "str":
        return restored.where(restored.notna(), None)
    return restored


def _describe_index(index: pd.Index[Any]) -> dict[str, Any]:
    if index.nlevels > 1:
        return {}
    return {"dtype": str(index.dtype), "freq": getattr(index, "freqstr", None)}


def _restore_index(frame: pd.DataFrame, described: dict[str, Any]) -> None:
    if not described:
        return
    if str(frame.index.dtype) != described["dtype"]:
        frame.index = frame.index.astype(described["dtype"])
    if described["freq"] and hasattr(frame.index, "freq") and frame.index.freq is None:
        frame.index.freq = described["freq"]
