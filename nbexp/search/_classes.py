"""Classes by import path, and what their constructors take."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any


class ClassError(ValueError):
    """An import path leads to no class of the kind expected."""


def is_path(name: str) -> bool:
    """Whether a name is an import path, such as ``package.module:Class``."""
    return "." in name or ":" in name


def load_class(path: str, base: type) -> Any:
    """Return the class at an import path.

    Raises:
        ClassError: It can't be imported, or is not derived from `base`.
    """
    module, _, name = re.sub(r":", ".", path, count=1).rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # a module may raise anything while it is imported
        raise ClassError(f"{path} can't be imported: {type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ClassError(f"{path} is no {base.__module__}.{base.__name__}")
    return found


def parameters(cls: Any) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a constructor, by name."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    given = inspect.signature(cls).parameters
    return {name: each for name, each in given.items() if each.kind in kinds}


def takes_any(cls: Any) -> bool:
    """Whether a constructor takes arguments of any name."""
    given = inspect.signature(cls).parameters.values()
    return any(each.kind is inspect.Parameter.VAR_KEYWORD for each in given)
