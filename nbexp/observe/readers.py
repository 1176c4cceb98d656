"""Libraries that open files past Python, whose functions are put in the place of by ones that tell.

It needs nothing but Python's standard library. A library is looked at once it is imported.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, Protocol

from nbexp.observe.imports import ImportWatch

_TABLES = ("read_csv", "read_parquet", "read_json", "read_ndjson", "read_ipc", "read_ipc_schema",
           "read_ipc_stream", "read_avro", "read_excel", "read_ods", "read_delta", "scan_csv",
           "scan_parquet", "scan_ipc", "scan_ndjson", "scan_delta", "scan_iceberg")  # fmt: skip
# By module, its functions and classes whose arguments may be paths.
_READERS: dict[str, tuple[str, ...]] = {
    "cv2": ("imread", "imreadmulti", "VideoCapture", "FileStorage", "CascadeClassifier"),
    "catboost": ("Pool",),
    "duckdb": ("connect", "read_csv", "read_parquet", "read_json", "from_csv_auto",
               "from_parquet"),
    "faiss": ("read_index",),
    "fastparquet": ("ParquetFile",),
    "h5py._hl.files": ("File",),
    "lightgbm": ("Dataset", "Booster"),
    "netCDF4": ("Dataset", "MFDataset"),
    "onnxruntime": ("InferenceSession",),
    "polars": _TABLES,
    "pyarrow": ("memory_map", "OSFile", "input_stream", "create_memory_map"),
    "pyarrow.csv": ("read_csv", "open_csv"),
    "pyarrow.dataset": ("dataset", "parquet_dataset"),
    "pyarrow.feather": ("read_table", "read_feather"),
    "pyarrow.json": ("read_json", "open_json"),
    "pyarrow.orc": ("read_table", "ORCFile"),
    "pyarrow.parquet": ("read_table", "read_pandas", "read_metadata", "read_schema", "ParquetFile",
                        "ParquetDataset"),
    "rasterio": ("open",),
    "safetensors": ("safe_open",),
    "safetensors.numpy": ("load_file",),
    "safetensors.torch": ("load_file", "load_model"),
    "sentencepiece": ("SentencePieceProcessor",),
    "soundfile": ("read", "SoundFile", "info"),
    "tables": ("open_file",),
    "tokenizers": ("Tokenizer.from_file",),
    "torch": ("load", "from_file", "UntypedStorage.from_file"),
    "torch.jit": ("load",),
    "xgboost": ("DMatrix", "Booster", "Booster.load_model"),
}  # fmt: skip
# What is imported by these and copied under the same name: module, name, and where it is from.
_WRITERS: dict[str, tuple[str, ...]] = {
    "cv2": ("imwrite",),
    "pyarrow.feather": ("write_feather",),
    "pyarrow.parquet": ("write_table", "write_to_dataset"),
    "safetensors.numpy": ("save_file",),
    "safetensors.torch": ("save_file", "save_model"),
    "soundfile": ("write",),
    "torch": ("save",),
    "torch.jit": ("save",),
}
_UNSEEN = (
    "MySQLdb", "cx_Oracle", "fiona", "gdal", "mysql", "oracledb", "osgeo", "psycopg", "psycopg2",
    "pymongo", "pymssql", "pymysql", "pyodbc", "pyreadstat", "pyspark", "redis", "snowflake",
    "tensorflow", "tiledb", "zarr.codecs",
)  # fmt: skip
# File of the functions that are put in others' places: under this one's name, they would show in
# tracebacks; and a warning is never given a place whose name tells of importlib's bootstrap.
_NAMELESS = "<frozen reader importlib._bootstrap>"
_NAMES = frozenset({*_READERS, *_WRITERS, *_UNSEEN})
_WRITE_MODES = ("w", "a", "x", "r+")


class FileListener(Protocol):
    """Is told what is read and written past Python."""

    def read(self, path: Any) -> None:
        """Note that a file is read."""

    def wrote(self, path: Any, *, appends: bool = False) -> None:
        """Note that a file is going to be written."""

    def unseen(self, name: str) -> None:
        """Note that a library is used whose reads can't be seen."""


def install(listener: FileListener) -> None:
    """Have the libraries tell that are imported, or will be."""
    watch = _Libraries(listener)
    for name in _NAMES & sys.modules.keys():
        watch.apply(sys.modules[name])
    watch.begin()


class _Libraries(ImportWatch):
    """Waits for the imports of the libraries."""

    def __init__(self, listener: FileListener) -> None:
        super().__init__(_NAMES)
        self._listener = listener

    def apply(self, module: ModuleType) -> None:
        """Put functions that tell in the place of a library's own."""
        name = module.__name__
        if name in _UNSEEN:
            self._listener.unseen(name)
        for target in _READERS.get(name, ()):
            self._replace(module, target, self._tell_read)
        for target in _WRITERS.get(name, ()):
            self._replace(module, target, self._tell_write)

    def _tell_read(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        texts = [each for each in (*args[1:2], kwargs.get("mode")) if isinstance(each, str)]
        writes = any(text.startswith(_WRITE_MODES) for text in texts)
        for path in _paths((*args, *kwargs.values())):
            if not writes:
                self._listener.read(path)
            else:
                self._listener.wrote(path, appends=not texts[0].startswith(("w", "x")))

    def _tell_write(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        for value in (*args, *kwargs.values()):
            if isinstance(value, str | os.PathLike):
                self._listener.wrote(value)

    def _replace(self, module: Any, target: str, tell: Callable[..., None]) -> None:
        *owners, name = target.split(".")
        owner = functools.reduce(getattr, owners, module) if _has(module, owners) else None
        original = getattr(owner, name, None)
        if original is None or hasattr(original, "nbexp_tells"):
            return
        try:
            if isinstance(original, type):
                _replace_class(owner, name, original, tell)
            else:
                setattr(owner, name, _telling(original, tell))
        except (AttributeError, TypeError):
            self._listener.unseen(f"{module.__name__}.{target}")


def _has(module: Any, names: Sequence[str]) -> bool:
    for name in names:
        module = getattr(module, name, None)
    return module is not None


def _nameless(function: Any) -> Any:
    function.__code__ = function.__code__.replace(co_filename=_NAMELESS)
    return function


def _telling(original: Callable[..., Any], tell: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(original)
    @_nameless
    def function(*args: Any, **kwargs: Any) -> Any:
        _try(tell, args, kwargs)
        return original(*args, **kwargs)

    function.nbexp_tells = True  # type: ignore[attr-defined]
    return function


def _replace_class(owner: Any, name: str, original: Any, tell: Callable[..., None]) -> None:
    """Have a class tell when an object of it is made; one of C's is replaced by its maker."""
    make = original.__init__
    if make is object.__init__:
        setattr(owner, name, _maker(original, tell))
        return

    @_nameless
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        _try(tell, args, kwargs)
        make(self, *args, **kwargs)

    try:
        original.__init__ = functools.wraps(make)(init)
    except TypeError:
        setattr(owner, name, _maker(original, tell))


def _maker(original: type, tell: Callable[..., None]) -> type:
    class Meta(type):
        @_nameless
        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            _try(tell, args, kwargs)
            return original(*args, **kwargs)

        def __instancecheck__(cls, instance: Any) -> bool:
            return isinstance(instance, original)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, original)

        def __getattr__(cls, name: str) -> Any:
            return getattr(original, name)

    names = {"__doc__": original.__doc__, "__module__": original.__module__, "nbexp_tells": True}
    return Meta(original.__name__, (), names)


def _try(tell: Callable[..., None], args: Any, kwargs: Any) -> None:
    try:
        tell(args, kwargs)
    except Exception:
        return  # what can't be told must not keep the call from being made


def _paths(values: Sequence[Any]) -> Iterator[str]:
    """Yield what may be the paths among arguments: of what is there, and files in folders."""
    for value in values:
        if isinstance(value, list | tuple):
            yield from _paths(value[:10_000])
        elif isinstance(value, str | os.PathLike) and os.path.lexists(value):
            path = os.fsdecode(value)
            yield from _files_below(path) if os.path.isdir(path) else (path,)


def _files_below(folder: str) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        yield from (os.path.join(parent, name) for name in names)
