"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")

show_all = click.option("--all", "show_all", is_flag=True, help="Cut no list short.")

run_option = click.option(
    "--run", "run", metavar="RUN", help="The run; the last one by default. Part of it will do."
)


def directory(function: F) -> F:
    """Add the option for the folder of the pipeline."""
    return click.option(
        "-C",
        "--dir",
        "root",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=".",
        help="Folder of the pipeline; the current one by default.",
    )(function)


def pipeline_options(function: F) -> F:
    """Add the argument and the options that say what is to be run."""
    options = (
        click.argument(
            "pipeline", type=click.Path(path_type=Path), required=False, default="pipeline.toml"
        ),
        directory,
        click.option(
            "--set",
            "sets",
            metavar="STAGE.PARAM=VALUE",
            multiple=True,
            help="Set a parameter to a TOML value; may be repeated.",
        ),
        click.option(
            "--only",
            metavar="STAGE",
            multiple=True,
            help="Run this stage and those that it needs; may be repeated.",
        ),
        click.option("--fresh", is_flag=True, help="Execute all, whatever ran before."),
    )
    for option in reversed(options):
        function = option(function)
    return function
