"""What a notebook tells MLflow, without the secrets of its run.

Files that it logs are its own, and are taken as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from nbexp.masks import Mask

# Beginnings of the names of `MlflowClient`'s methods that write, and one that looks up what
# another has written.
_WRITES = ("add_", "create_", "link_", "log_", "register_", "rename_", "set_", "update_")
_READS = ("get_experiment_by_name",)
OF_MODULE = ("set_experiment", "create_experiment")  # which use another client
_NAMES = ("key", "name")  # of params, metrics and tags, for which MLflow takes few characters
_AS_THEY_ARE = ("self", "local_path", "local_dir")  # arguments


def writing(client: type) -> Iterator[str]:
    """Yield the names of a client's methods that may write a text."""
    for name in dir(client):
        if name.startswith(_WRITES) or name in _READS:
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
                given.arguments[name] = _masked(value, mask)
        return original(*given.args, **given.kwargs)

    return call


def _masked(value: Any, mask: Mask) -> Any:
    if isinstance(value, str):
        return mask.text(value)
    if isinstance(value, dict):
        return {_name(key, mask): _masked(item, mask) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item, mask) for item in value]
    remake = getattr(type(value), "from_dictionary", None)  # of MLflow's metrics, tags, datasets
    if remake is None:
        return value
    parts = dict(value)
    without = {
        name: _name(part, mask) if name in _NAMES else _masked(part, mask)
        for name, part in parts.items()
    }
    return value if without == parts else remake(without)


def _name(name: Any, mask: Mask) -> Any:
    without = mask.text(name) if isinstance(name, str) else name
    return name if without == name else without.replace("*", "-")
