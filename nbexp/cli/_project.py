"""The commands around a project and its machine: ``init`` and ``doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a small project into the folder DIR.

    DIR is new or empty, and the project runs at once. It trains classifiers of digits: a pipeline
    of four notebooks, with data that is installed.
    """
    from nbexp.cli._starting import write_project

    write_project(folder)


@click.command()
@click.option("--quick", is_flag=True, help="Start neither kernel nor Ray, and open no database.")
@_options.directory
@_options.as_json
@click.pass_context
def doctor(ctx: click.Context, *, quick: bool, root: Path, as_json: bool) -> None:
    """Check what runs need on this machine.

    Looks at Python, packages, kernels, Ray, MLflow, disk and memory. Tells what is wrong, and the
    remedy. Exits with 1 if there is a problem.
    """
    from nbexp.cli._doctor import examine

    ctx.exit(examine(root, is_quick=quick, as_json=as_json))


COMMANDS = (init, doctor)
