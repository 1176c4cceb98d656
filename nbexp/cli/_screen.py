"""What commands write: styled on a terminal, plain and uncut elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nbexp.cli._terminal import raw_stream
from nbexp.controls import one_line, plain
from nbexp.display import STYLES, Part
from nbexp.states import State


class Screen:
    """Standard output, or standard error.

    Args:
        to_error: Whether it is standard error.
    """

    def __init__(self, *, to_error: bool = False) -> None:
        stream = raw_stream(to_error=to_error)
        console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)
        self.is_terminal = stream.isatty() and console.is_terminal and not console.is_dumb_terminal
        self.console = console
        self._to_error = to_error

    def line(self, *parts: Part) -> None:
        """Write one line, made of texts and of pairs of text and style."""
        if self.is_terminal:
            self.console.print(text(*parts), soft_wrap=True)
        else:
            click.echo(text(*parts).plain, err=self._to_error)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Part]]) -> None:
        """Write rows below each other, indented; columns that are empty throughout are left out."""
        columns = [one_line(column) for column in columns]
        cells = [[_cell(part) for part in row] for row in rows]
        used = [n for n in range(len(columns)) if any(row[n].plain for row in cells)]
        if not self.is_terminal:
            self._plain_table(
                [columns[n] for n in used], [[r[n].plain for n in used] for r in cells]
            )
            return
        table = Table(
            box=None,
            pad_edge=False,
            padding=(0, 2, 0, 0),
            header_style="dim",
            show_header=any(columns),
        )
        table.add_column("")
        for position, n in enumerate(used):
            table.add_column(columns[n], no_wrap=position == 0, overflow="fold")
        for row in cells:
            table.add_row("", *(row[n] for n in used))
        self.console.print(table)

    def _plain_table(self, columns: list[str], rows: list[list[str]]) -> None:
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in (columns, *rows) if any(columns) else rows:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.line(f"  {'  '.join(padded)}".rstrip())


def text(*parts: Part) -> Text:
    """Return texts and pairs of text and style as one, without what steers terminals."""
    return Text.assemble(*(_styled(plain, part) for part in parts))


def _cell(part: Part) -> Text:
    return Text.assemble(_styled(one_line, part))


def _styled(change: Callable[[str], str], part: Part) -> Part:
    return change(part) if isinstance(part, str) else (change(part[0]), part[1])


def state_part(state: State) -> Part:
    """Return a state in its colour."""
    return (state.value, STYLES[state])


def next_step(command: str, folder: Path) -> str:
    """Return a command to type, with the folder that it is meant for."""
    if folder.resolve() == Path.cwd():
        return command
    place = os.path.relpath(folder)
    return f"cd {place} && {command}"
