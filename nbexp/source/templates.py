"""What a template says of itself: kernel, parameters, code, local modules, what it leaves."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from nbexp.files import digest, file_digest
from nbexp.formats import FormatError, parse_notebook
from nbexp.source.code import (
    assigned_first,
    emitted_names,
    logged_names,
    parse_cell,
    syntax_error,
    tracked_names,
)
from nbexp.source.modules import find_modules, first_imports, imports_unseen

_PARAMETERS = frozenset({"parameters", "injected-parameters"})


class TemplateError(Exception):
    """A file can't be read as a notebook; the text says why."""


@dataclass(frozen=True)
class Template:
    """A notebook, as far as a pipeline needs to know it.

    Attributes:
        path: Absolute path.
        name: Its path from the pipeline's folder, without suffix.
        kernel: Name of the kernel in its metadata; ``python3`` where a Python one names none.
        language: Language of its code, such as ``python``.
        has_parameters: Whether a cell is tagged ``parameters``, or is papermill's with the values
            of an earlier execution.
        parameters: Names assigned in that cell; None where there is none, or its language can't be
            read.
        assigns: Names that cells assign before anything reads them, with the number of the cell:
            where no cell is tagged, a parameter of such a name would have no effect.
        emits: Names that the source glues or saves; None where that can't be told.
        logs: Names that the source logs; None where that can't be told.
        tracks: Names that the source logs to MLflow; None where that can't be told.
        code: Content hash of its code cells.
        texts: Content hash of its other cells, and of where they stand.
        modules: Content hash of each local module that the code imports, by dotted name.
        files: The files of those modules.
        imports: Other modules that its cells import at their top level, by dotted name.
        broken: What is wrong with the syntax of its cells, one sentence each.
        content: The file as it was read; a run executes this, whatever becomes of the file.
    """

    path: Path
    name: str
    kernel: str
    language: str
    has_parameters: bool
    parameters: frozenset[str] | None
    assigns: Mapping[str, int]
    emits: frozenset[str] | None
    logs: frozenset[str] | None
    tracks: frozenset[str] | None
    code: str
    texts: str
    modules: Mapping[str, str]
    files: Mapping[str, Path] = field(repr=False)
    imports: tuple[str, ...]
    broken: tuple[str, ...]
    content: bytes = field(repr=False)

    @property
    def results(self) -> frozenset[str] | None:
        """Names that the source glues, saves or logs; None where that can't be told."""
        if self.emits is None or self.logs is None or self.tracks is None:
            return None
        return self.emits | self.logs | self.tracks

    def current_modules(self) -> dict[str, str]:
        """Return the content hash of each local module as it is now; empty for one that is gone."""
        return {name: _digest_now(file) for name, file in self.files.items()}


def read_template(path: Path, folder: Path) -> Template:
    """Read a notebook file.

    Args:
        path: The notebook.
        folder: Folder of the pipeline, in which local modules may lie too.

    Raises:
        TemplateError: The file is no notebook.
    """
    content = _read(path)
    cells, metadata = _load(content)
    code = [cell for cell in cells if _is_code(cell)]
    language = _language(metadata)
    trees = [parse_cell(_text(cell)) for cell in code] if language == "python" else []
    tagged = next((cell for cell in code if "parameters" in _tags(cell)), None)
    files = find_modules(trees, tuple(dict.fromkeys((path.parent, folder.resolve()))))
    emits, logs, tracks = _names(trees, files) if language == "python" else (None, None, None)
    return Template(
        path=path,
        name=PurePath(relative(path, folder)).with_suffix("").as_posix(),
        kernel=str(_table(metadata, "kernelspec").get("name") or "python3"),
        language=language,
        has_parameters=any(_PARAMETERS.intersection(_tags(cell)) for cell in code),
        parameters=_parameters(tagged, language),
        assigns=_assigned(cells, trees),
        emits=emits,
        logs=logs,
        tracks=tracks,
        code=digest([[_text(cell), sorted(_tags(cell))] for cell in code]),
        texts=digest([[n, _text(cell)] for n, cell in enumerate(cells) if not _is_code(cell)]),
        modules={name: file_digest(file) for name, file in sorted(files.items())},
        files=dict(sorted(files.items())),
        imports=first_imports(trees, files),
        broken=tuple(_broken(cells)) if language == "python" else (),
        content=content,
    )


def relative(path: Path, folder: Path) -> str:
    """Return the way to a file from a folder, the same on every machine that has both."""
    return PurePath(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def _digest_now(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError:  # it is gone, if only for the instant in which an editor replaces it
        return ""


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # the latter of a NUL in its name
        raise TemplateError(f"it can't be read ({error})") from None


def _load(content: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    try:
        notebook = parse_notebook(content)
    except FormatError as error:
        raise TemplateError(str(error)) from None
    return notebook["cells"], notebook["metadata"]


def _table(parent: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _broken(cells: list[dict[str, Any]]) -> Iterator[str]:
    for number, cell in enumerate(cells, 1):
        may_fail = {"raises-exception", "skip-execution"}.intersection(_tags(cell))
        if cell.get("cell_type") != "code" or may_fail or parse_cell(_text(cell)) is not None:
            continue
        error = syntax_error(_text(cell))
        if error is not None:
            yield f"cell {number}: {error}"


def _language(metadata: Mapping[str, Any]) -> str:
    named = _table(metadata, "language_info").get("name")
    return str(named or _table(metadata, "kernelspec").get("language") or "python").lower()


def _is_code(cell: Mapping[str, Any]) -> bool:
    return cell.get("cell_type") == "code"


def _text(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def _tags(cell: Mapping[str, Any]) -> list[str]:
    tags = _table(cell, "metadata").get("tags")
    return [str(tag) for tag in tags] if isinstance(tags, list) else []


def _parameters(cell: Mapping[str, Any] | None, language: str) -> frozenset[str] | None:
    tree = parse_cell(_text(cell)) if cell is not None and language == "python" else None
    if tree is None:
        return None
    names: set[str] = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            names.update(n.id for n in ast.walk(target or ast.Pass()) if isinstance(n, ast.Name))
    return frozenset(names)


def _assigned(cells: list[dict[str, Any]], trees: Sequence[ast.Module | None]) -> dict[str, int]:
    numbers = [number for number, cell in enumerate(cells, 1) if _is_code(cell)]
    return {name: numbers[position] for name, position in assigned_first(trees).items()}


def _names(
    trees: list[ast.Module | None], modules: Mapping[str, Path]
) -> Iterator[frozenset[str] | None]:
    """Yield what source glues or saves, logs, and logs to MLflow; None for what isn't told."""
    read = [*trees, *(parse_cell(file.read_text(errors="replace")) for file in modules.values())]
    is_unseen = imports_unseen(read, modules)
    for names in (emitted_names, logged_names, tracked_names):
        found = names(read)
        yield None if is_unseen or found.is_open else found.names
