"""The commands that make something to hand on of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nbexp.cli import _options
from nbexp.errors import RunError, UsageError

if TYPE_CHECKING:
    from nbexp.cli._screen import Screen

KINDS = ("html", "pdf", "md")
FORMATS = ("csv", "latex", "parquet")


@click.command()
@click.argument("run", required=False)
@click.option(
    "--to",
    "target",
    metavar="DIR|s3://…",
    help="Folder of the report, or where in S3; report/ in the run's folder by default.",
)
@_options.directory
def report(run: str | None, *, target: str | None, root: Path) -> None:
    """Write the report of a run.

    A folder of static pages that open from a file, without a network: overview, stages with
    tables and charts, every notebook, comparisons, history. RUN is the last one by default.
    """
    from nbexp.cli._screen import Screen
    from nbexp.reports import write_report
    from nbexp.runs.finding import find_run
    from nbexp.wording import counted, duration_text

    folder = find_run(root, run)
    is_remote = target is not None and "://" in target
    written = write_report(folder.path, None if is_remote or not target else Path(target))
    screen = Screen()
    screen.line(
        (folder.id, "bold"),
        f"  {counted(written.pages, 'page')} in {duration_text(written.seconds)}",
    )
    screen.line("  open it in a browser: ", (str(written.index.absolute()), "bold"))
    _keep(screen, folder.path, written.index.parent)
    if target is not None and is_remote:
        from nbexp.artifacts.s3 import upload_folder

        place = upload_folder(written.index.parent, target, last=[written.index.name])
        screen.line("  published: ", (f"{place}/index.html", "bold"))


def _keep(screen: Screen, run: Path, report: Path) -> None:
    """Keep a report in MLflow, if the run is there."""
    from nbexp.tracking import is_tracked, log_report

    if not is_tracked(run):
        return
    try:
        log_report(run, report)
    except RunError as error:
        screen.line(("! ", "bold yellow"), f"not kept in MLflow: {error}")
    else:
        screen.line("  kept in MLflow, as artifacts of the run")


@click.command()
@click.argument("run", metavar="[RUN|STAGE]", required=False)
@click.option("--stage", metavar="STAGE", help="This stage alone, without empty columns.")
@click.option("--format", "kind", type=click.Choice(FORMATS), default="csv", help="csv by default.")
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file to write; standard output by default, but not for parquet.",
)
@_options.directory
def table(
    run: str | None, *, stage: str | None, kind: str, target: Path | None, root: Path
) -> None:
    """Write the variants of a run as a table, a row each.

    RUN is the last one by default; a name that is no run's may be a stage of that.
    """
    from nbexp.cli._tables import write_table
    from nbexp.runs.finding import find_run, find_stage
    from nbexp.runs.results import RunResult

    folder, named = find_stage(root, run) if stage is None else (find_run(root, run), stage)
    write_table(RunResult.read(folder.path), named, kind, target)


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
    from nbexp.cli._screen import Screen
    from nbexp.reports.exports import export_notebook

    source, name = _notebook(notebook, run, root)
    kind = kind or (target.suffix[1:] if target and target.suffix[1:] in KINDS else "html")
    target = target or Path(f"{name}.{kind}")
    export_notebook(source, kind, target, name)
    Screen().line((str(target), "bold"))


def _notebook(name: str, run: str | None, root: Path) -> tuple[Path, str]:
    """Return the notebook that was named, or that of a variant, and what to call it."""
    from nbexp.runs.finding import find

    path = Path(name)
    if path.suffix == ".ipynb" or path.is_file():
        return path, path.stem
    found = find(root, run, name)
    if found.variant is None:
        raise UsageError(f"{name} is a run; name one of its variants, or a notebook.")
    return found.folder.variant(found.variant.name).notebook, found.variant.name


COMMANDS = (report, export, table)
