"""A failed variant as a message: the cell, the end of the traceback, and where the rest is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbexp.cli._screen import Part, Screen
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State

_SOURCE_LINES = 4
_TRACEBACK_LINES = 12


def show_failure(
    screen: Screen, title: str, state: State, error: Mapping[str, Any] | None, folder: Path | None
) -> None:
    """Write why a variant failed."""
    screen.line((f"✗ {title}", "bold red"), f"  {state}")
    for line in _details(error or {}):
        screen.line("    ", *line)
    if folder is not None:
        notebook = VariantFolder(folder).notebook
        place = notebook if notebook.is_file() else folder
        screen.line("    ", ("notebook  ", "dim"), short_path(place))


def short_path(path: Path) -> str:
    """Return a path as seen from the current folder, where it lies in it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def headline(error: Mapping[str, Any]) -> str:
    """Return an error in one line."""
    message = str(error.get("message", "")).strip().splitlines()
    return f"{error.get('name', 'Error')}: {message[0] if message else ''}".rstrip(": ")


def _details(error: Mapping[str, Any]) -> list[tuple[Part, ...]]:
    if not error:
        return []
    lines: list[tuple[Part, ...]] = []
    if error.get("cell") is not None:
        source = str(error.get("source", "")).strip().splitlines()
        lines.append((("cell ", "dim"), str(error["cell"])))
        lines += [(("  │ ", "dim"), line) for line in source[:_SOURCE_LINES]]
        if len(source) > _SOURCE_LINES:
            lines.append((("  │ …", "dim"),))
    lines.append(((headline(error), "red"),))
    traceback = str(error.get("traceback", "")).rstrip().splitlines()
    if traceback and traceback[-1] == headline(error):
        del traceback[-1]
    return lines + [(("  " + line, "dim"),) for line in traceback[-_TRACEBACK_LINES:]]


def next_step(command: str, folder: Path) -> str:
    """Return a command to type, with the folder that it is meant for."""
    if folder.resolve() == Path.cwd():
        return command
    place = os.path.relpath(folder)
    return f"cd {place} && {command}"
