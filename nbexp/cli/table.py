"""The command ``table``: writes the variants of a run as a table, for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.errors import UsageError
from nbexp.files import write_atomic
from nbexp.reports.table_exports import FORMATS, table_text, variant_table
from nbexp.runs.finding import find_run, find_stage
from nbexp.runs.results import RunResult


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
    folder, named = find_stage(root, run) if stage is None else (find_run(root, run), stage)
    frame = variant_table(RunResult.read(folder.path), named, kind)
    if kind == "parquet" and target is None:
        raise UsageError("parquet is not for a terminal: name a file with --to FILE.")
    if target is None:
        click.echo(table_text(frame, kind), nl=False)
    elif kind == "parquet":
        write_atomic(target, frame.to_parquet(index=False))
    else:
        write_atomic(target, table_text(frame, kind))
