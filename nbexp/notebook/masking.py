"""What a notebook tells MLflow, without the secrets of its run.

Files that it logs are its own, and are taken as they are; those that MLflow writes for it, such as
tables and figures, are masked as far as they are text.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any

from nbexp.masks import Mask

# Beginnings of the names of `MlflowClient`'s methods that write, and one that looks up what
# another has written.
_WRITES = ("add_", "create_", "link_", "log_", "register_", "rename_", "set_", "update_")
_OF_TRACES = ("start_trace", "_upload_trace_data")  # what its client of traces writes besides
_READS = ("get_experiment_by_name",)
OF_MODULE = ("set_experiment", "create_experiment")  # which use another client
WRITES_FILE = "_log_artifact_helper"  # of a client: gives a path, and logs what is written there
_NAMES = ("key", "name")  # of params, metrics and tags, for which MLflow takes few characters
_AS_THEY_ARE = ("self", "local_path", "local_dir")  # arguments
_AS_TEXT = ("value", "dictionary")  # arguments of which MLflow takes the text, whatever they hold


def writing(client: type) -> Iterator[str]:
    """Yield the names of a client's methods that may write a text."""
    for name in dir(client):
        if name.startswith(_WRITES) or name in (*_READS, *_OF_TRACES):
            yield name


def masked(original: Callable[..., Any], mask: Mask) -> Callable[..., Any]:
    """Return a method of MLflow's client that is given no secret."""
    signature = inspect.signature(original)

    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        for name, value in given.arguments.items():
            if name in _NAMES:
                given.arguments[name] = _name(value, mask)
            elif name not in _AS_THEY_ARE:
                given.arguments[name] = _masked(value, mask, as_text=name in _AS_TEXT)
        return original(*given.args, **given.kwargs)

    return call


def masked_file(original: Callable[..., Any], mask: Mask) -> Callable[..., Any]:
    """Return what gives a path and logs the file that is written there, without the secrets."""

    @wraps(original)
    @contextmanager
    def give(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with original(*args, **kwargs) as path:
            yield path
            _mask_file(Path(path), mask)

    return give


def _mask_file(file: Path, mask: Mask) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):  # such as a picture
        return
    without = mask.text(text)
    if without == text:
        return
    if file.suffix == ".json":  # a number may look like a secret
        with suppress(ValueError):
            without = json.dumps(mask.value(json.loads(text)))
    file.write_text(without, encoding="utf-8")


def _masked(value: Any, mask: Mask, *, as_text: bool = False) -> Any:
    if isinstance(value, str):
        return mask.text(value)
    if isinstance(value, dict):
        items = value.items()
        return {_name(key, mask): _masked(item, mask, as_text=as_text) for key, item in items}
    if isinstance(value, list | tuple):
        return [_masked(item, mask, as_text=as_text) for item in value]
    if value is None or isinstance(value, int | float):
        return value
    if type(value).__module__.partition(".")[0] == "mlflow":
        return _remade(value, mask)
    if type(value).__name__ == "DataFrame" and hasattr(value, "select_dtypes"):
        return _frame(value, mask)
    return _text(value, mask) if as_text else value


def _text(value: Any, mask: Mask) -> Any:
    """Return a value, or its text without the secrets that are in it."""
    text = str(value)
    without = mask.text(text)
    return value if without == text else without


def _remade(value: Any, mask: Mask) -> Any:
    """Return one of MLflow's own values, made anew where it holds a secret."""
    kind = type(value)
    if hasattr(kind, "to_dict") and hasattr(kind, "from_dict"):  # what traces are made of
        parts, make = value.to_dict(), kind.from_dict
    elif kind.__module__ == "mlflow.entities.assessment":
        parts, make = value.to_dictionary(), kind.from_dictionary
    elif hasattr(kind, "from_dictionary"):  # metrics, tags, datasets
        parts, make = dict(value), kind.from_dictionary
    else:
        return value
    without = {
        name: _name(part, mask) if name in _NAMES else _masked(part, mask)
        for name, part in parts.items()
    }
    return value if without == parts else make(without)


def _frame(frame: Any, mask: Mask) -> Any:
    """Return a table of pandas with its texts and names masked."""

    def column(values: Any) -> Any:
        is_plain = values.dtype.kind in "biufcmM"
        return values if is_plain else values.map(lambda each: _masked(each, mask))

    masked = frame.apply(column) if frame.size else frame
    return masked.rename(columns=lambda name: _masked(name, mask))


def _name(name: Any, mask: Mask) -> Any:
    without = mask.text(name) if isinstance(name, str) else name
    return name if without == name else without.replace("*", "-")
