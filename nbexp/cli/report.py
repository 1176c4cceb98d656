"""The command ``report``: writes the report of a run, keeps it in MLflow and publishes it."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._screen import Screen
from nbexp.errors import RunError
from nbexp.reports import write_report
from nbexp.runs.finding import find_run
from nbexp.wording import counted, duration_text


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
