"""Parameter values as written: trees whose leaves may be links, secrets or search spaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from nbexp.pipeline.links import Link
from nbexp.pipeline.spaces import Distribution, Grid

Path = tuple[str | int, ...]
MAX_DEPTH = 100  # lists and tables in each other
_MAX_BITS = 14_000  # some 4,200 digits, about as many as Python writes out


@dataclass(frozen=True)
class Secret:
    """A value that reaches the kernel as an environment variable and is written nowhere.

    Attributes:
        name: Name of the environment variable; the notebook's parameter holds this name.
    """

    name: str


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield each leaf of a value with its path: a space, then the leaves of its values."""
    if isinstance(value, Grid | Distribution):
        yield path, value
        inner = value.values if isinstance(value, Grid) else value.arguments
        for item in inner:
            yield from walk(item, path)
    elif isinstance(value, dict) and value:
        for key, item in value.items():
            yield from walk(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from walk(item, (*path, index))
    else:
        yield path, value


def excess(value: Any) -> Iterator[tuple[Path, str]]:
    """Yield the values that are too deep or too long to be looked at, with what is wrong."""
    level: list[tuple[Path, Any]] = [((), value)]
    depth = 0
    while level:
        for path, each in level:
            if isinstance(each, int) and each.bit_length() > _MAX_BITS:
                yield path, "an integer of thousands of digits can't be passed on"
        level = [inner for path, each in level for inner in _inside(path, each)]
        depth += 1
        if depth > MAX_DEPTH and level:
            yield level[0][0][:4], f"its values are nested more than {MAX_DEPTH} deep"
            return


def _inside(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        yield from (((*path, str(key)), item) for key, item in value.items())
    elif isinstance(value, Grid | Distribution):
        items = value.values if isinstance(value, Grid) else value.arguments
        yield from ((path, item) for item in items)
    elif isinstance(value, list | tuple):
        yield from (((*path, index), item) for index, item in enumerate(value))


def native(value: Any) -> Any:
    """Return a copy of a value, with numpy's and torch's numbers and arrays as Python's own."""
    if isinstance(value, Mapping):
        return {native(key): native(item) for key, item in value.items()}
    if isinstance(value, Grid):
        return Grid(tuple(map(native, value.values)))
    if isinstance(value, Distribution):
        return Distribution(value.kind, tuple(map(native, value.arguments)))
    if isinstance(value, list | tuple):
        return [native(item) for item in value]
    library = type(value).__module__.partition(".")[0]
    is_numeric = library in ("numpy", "torch") and hasattr(value, "tolist")
    return value.tolist() if is_numeric else value


def outermost(value: Any, path: Path = ()) -> Iterator[tuple[Path, Distribution]]:
    """Yield the distributions in a value with their paths, but for those within another."""
    if isinstance(value, Distribution):
        yield path, value
    elif isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from outermost(item, (*path, key))


def place(path: Path) -> str:
    """Return a path as messages and labels show it, such as ``optimizer.betas[0]``."""
    return "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in path).lstrip(".")


def leaves(value: Any, kind: Any) -> list[tuple[Path, Any]]:
    """Return the leaves of one kind, with their paths."""
    return [(path, leaf) for path, leaf in walk(value) if isinstance(leaf, kind)]


def plain(value: Any) -> Any:
    """Return a value as JSON: links as their text, secrets and spaces as written."""
    if isinstance(value, Link):
        return value.text
    if isinstance(value, Secret):
        return {"secret": value.name}
    if isinstance(value, Grid):
        return {"grid": plain(list(value.values))}
    if isinstance(value, Distribution):
        return {value.kind: plain(list(value.arguments))}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, PurePath) else value
