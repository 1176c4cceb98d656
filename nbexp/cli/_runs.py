"""The commands around runs that there are: those that look at them, and those that alter them."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options


@click.command()
@_options.directory
@_options.as_json
@_options.show_all
def ls(*, root: Path, as_json: bool, show_all: bool) -> None:
    """List the runs beside the pipeline, newest first."""
    from nbexp.cli._listing import list_all

    list_all(root, as_json=as_json, show_all=show_all)


@click.command()
@click.argument("run", required=False)
@click.argument("variant", required=False)
@_options.directory
@_options.as_json
@_options.show_all
def show(
    run: str | None, variant: str | None, *, root: Path, as_json: bool, show_all: bool
) -> None:
    """Show a run, or a variant with all its details.

    RUN is the last run by default. With VARIANT, all that is known of that variant
    is shown. Part of a name will do.
    """
    from nbexp.cli._showing import show_run
    from nbexp.cli._variant import show_variant
    from nbexp.runs.finding import find

    found = find(root, run, variant)
    if found.variant is not None:
        show_variant(found.folder, found.history, found.variant, as_json=as_json)
    else:
        show_run(found.folder, found.history, as_json=as_json, show_all=show_all)


@click.command()
@click.argument("variant")
@_options.run_option
@_options.directory
@_options.as_json
def why(variant: str, *, run: str | None, root: Path, as_json: bool) -> None:
    """Tell why a variant ran, or would run again.

    Compares its identity with that of earlier runs, and with what the pipeline says now.
    VARIANT is a variant's name or the beginning of it, or a stage.
    """
    from nbexp.cli._reasons import show_reasons

    show_reasons(root, run, variant, as_json=as_json)


@click.command()
@click.argument("variant", required=False)
@_options.run_option
@click.option("-f", "--follow", is_flag=True, help="Go on while it runs.")
@_options.directory
def logs(variant: str | None, *, run: str | None, follow: bool, root: Path) -> None:
    """Print what variants have printed.

    VARIANT is a variant's name or the beginning of it, or a stage; by default, all that failed are
    printed.
    """
    from nbexp.cli._logs import follow_logs, show_logs

    if follow:
        follow_logs(root, run, variant)
    else:
        show_logs(root, run, variant)


@click.command()
@click.argument("run", required=False)
@click.argument("variant", required=False)
@_options.directory
@click.pass_context
def stop(ctx: click.Context, run: str | None, variant: str | None, *, root: Path) -> None:
    """Stop a run that goes on, or one of its variants.

    RUN is the one that goes on by default; with VARIANT, that variant alone is stopped. What
    has been done is kept. Waits some seconds and tells what happened.
    """
    from nbexp.cli._stopping import stop_run

    ctx.exit(stop_run(root, run, variant))


@click.command()
@click.argument("run", required=False)
@click.option("--stage", metavar="STAGE", help="The stage; the run's only one by default.")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many draws or suggestions more for each grid point.",
)
@click.option(
    "--set",
    "sets",
    metavar="PARAM=VALUE",
    multiple=True,
    help="Set a parameter of those added to a TOML value; may be repeated.",
)
@_options.directory
@_options.as_json
@click.pass_context
def add(  # noqa: PLR0913 - the options of the command
    ctx: click.Context,
    run: str | None,
    *,
    stage: str | None,
    samples: int | None,
    sets: tuple[str, ...],
    root: Path,
    as_json: bool,
) -> None:
    """Add variants to a stage of a run that goes on.

    RUN is the one that goes on by default. With --samples, there are more draws, or suggestions
    of its search; with --set, variants with these values. Exits with 1 if nothing was added.
    """
    from nbexp.cli._asking import AddOptions, add_variants

    addition = AddOptions(stage, samples, sets)
    ctx.exit(add_variants(root, run, addition, as_json=as_json))


@click.command()
@click.argument("run", required=False)
@_options.directory
@_options.as_json
@click.pass_context
def pause(ctx: click.Context, run: str | None, *, root: Path, as_json: bool) -> None:
    """Pause a run that goes on.

    Nothing more starts. What runs gives up its place at the next snapshot of its `nbexp.loop`;
    a notebook without one runs to its end. RUN is the one that goes on by default.
    """
    from nbexp.cli._asking import ask

    ctx.exit(ask(root, run, "pause", as_json=as_json))


@click.command("continue")
@click.argument("run", required=False)
@_options.directory
@_options.as_json
@click.pass_context
def continue_(ctx: click.Context, run: str | None, *, root: Path, as_json: bool) -> None:
    """Have a run go on that was paused.

    RUN is the one that is under way by default.
    """
    from nbexp.cli._asking import ask

    ctx.exit(ask(root, run, "continue", as_json=as_json))


COMMANDS = (ls, show, why, logs, stop, add, pause, continue_)
