"""The local modules that code imports: files beside the notebook, found without importing."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from nbexp.source.code import constant_text, parse_cell

_PACKAGES = re.compile(r"[/\\\\](?:site|dist)-packages[/\\\\]")


def find_modules(trees: Iterable[ast.Module | None], folders: tuple[Path, ...]) -> dict[str, Path]:
    """Return the local modules that source imports, transitively, by dotted name.

    Args:
        trees: Syntax trees of the source.
        folders: Folders that modules are looked for in, in order.
    """
    found: dict[str, Path] = {}
    waiting = [name for tree in trees if tree for name in _imports(tree, package="")]
    while waiting:
        name = waiting.pop()
        file = None if name in found else _locate(name, folders)
        if file is None:
            continue
        found[name] = file
        tree = parse_cell(file.read_text(errors="replace")) if file.suffix == ".py" else None
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        waiting += _imports(tree, package) if tree else []
    return found


def imports_unseen(trees: Iterable[ast.Module | None], local: Iterable[str]) -> bool:
    """Whether source imports code that is neither local nor from a package index.

    Such code, say a project of one's own that is installed for editing or lies on
    ``PYTHONPATH``, may do anything that a notebook may.

    Args:
        trees: Syntax trees of the source.
        local: Dotted names of the local modules.
    """
    names = {name for tree in trees if tree for name in _absolute_names(tree)}
    names -= {name.partition(".")[0] for name in local} | sys.stdlib_module_names | {"nbexp"}
    return not all(map(_is_published, names))


def first_imports(trees: Iterable[ast.Module | None], local: Iterable[str]) -> tuple[str, ...]:
    """Return the modules, by dotted name, that source imports at its top level, in its order.

    What ``from`` names may be a module or anything else in one; it is returned too.

    Args:
        trees: Syntax trees of the source.
        local: Dotted names of the local modules, which are left out.
    """
    names = [name for tree in trees if tree for node in tree.body for name in _whole_names(node)]
    own = {name.partition(".")[0] for name in local}
    return tuple(name for name in dict.fromkeys(names) if name.partition(".")[0] not in own)


def _whole_names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")


def _absolute_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _is_published(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec else []
    return any(place and _PACKAGES.search(place) for place in places)


def _locate(name: str, folders: tuple[Path, ...]) -> Path | None:
    if name.endswith((".py", ".ipynb")):  # a file that %run names
        tries = [folder / name for folder in folders]
    else:
        stems = [folder.joinpath(*name.split(".")) for folder in folders]
        tries = [t for stem in stems for t in (stem / "__init__.py", stem.with_suffix(".py"))]
    return next((file for file in tries if file.is_file()), None)


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _prefixes(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            yield from _prefixes(base)
            yield from (f"{base}.{alias.name}" for alias in node.names if base)
            yield from (alias.name for alias in node.names if not base)
        elif isinstance(node, ast.Call):
            yield from _named_by_call(node)


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".") if name else []
    yield from (".".join(parts[: n + 1]) for n in range(len(parts)))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _named_by_call(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    text = constant_text(call.args[0]) if call.args else None
    if text and name in ("import_module", "__import__", "run_file"):
        yield text
