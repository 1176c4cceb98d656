"""The command ``export``: writes an executed notebook as one file."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._screen import Screen
from nbexp.errors import UsageError
from nbexp.reports.exports import export_notebook
from nbexp.runs.finding import find

KINDS = ("html", "pdf", "md")


@click.command()
@click.argument("notebook", metavar="NOTEBOOK|VARIANT")
@click.option("--format", "kind", type=click.Choice(KINDS), help="html by default.")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file; by default it lies in the current folder and has the notebook's name.",
)
@_options.run_option
@_options.directory
def export(
    notebook: str, *, kind: str | None, target: Path | None, run: str | None, root: Path
) -> None:
    """Write an executed notebook as one file.

    NOTEBOOK is a file; VARIANT is a variant's name or the beginning of it. HTML stands on its own
    and loads nothing; PDF is printed by Chromium, where it is installed; Markdown has its images
    beside it.
    """
    source, name = _notebook(notebook, run, root)
    kind = kind or (target.suffix[1:] if target and target.suffix[1:] in KINDS else "html")
    target = target or Path(f"{name}.{kind}")
    export_notebook(source, kind, target, name)
    Screen().line((str(target), "bold"))


def _notebook(name: str, run: str | None, root: Path) -> tuple[Path, str]:
    """Return the notebook that was named, or that of a variant, and what to call it."""
    path = Path(name)
    if path.suffix == ".ipynb" or path.is_file():
        return path, path.stem
    found = find(root, run, name)
    if found.variant is None:
        raise UsageError(f"{name} is a run; name one of its variants, or a notebook.")
    return found.folder.variant(found.variant.name).notebook, found.variant.name
