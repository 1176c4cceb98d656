"""The command ``init``: writes a small project."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli._screen import Screen, next_step
from nbexp.new_project import write_project


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a small project into the folder DIR.

    DIR is new or empty, and the project runs at once. It trains classifiers of digits: a pipeline
    of four notebooks, with data that is installed.
    """
    write_project(folder)
    screen = Screen()
    screen.line(f"A pipeline of notebooks lies in {folder}: pipeline.toml and templates/.")
    screen.line("next: ", (next_step("nbexp run pipeline.toml", folder), "bold"))
