"""The command ``why``: writes why variants ran or did not, and what the next run would do."""

from __future__ import annotations

from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._screen import Screen, state_part
from nbexp.explain.why import Explainer, Reasons, why_no_variants
from nbexp.files import shown_json
from nbexp.runs.finding import find_run, variants_of
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import read_history
from nbexp.wording import counted

_ROWS = 20


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
    folder = find_run(root, run)
    history = read_history(folder)
    variants = variants_of(history, variant)
    explainer = Explainer(root, folder, history)
    if as_json:
        records = [explainer.reasons(each).to_record() for each in variants]
        is_stage = variant in history.stages
        click.echo(shown_json(records if is_stage else records[0], indent=1))
        return
    screen = Screen()
    if not variants:
        screen.line(f"{variant} has no variants in {folder.id}: {why_no_variants(history)}")
    for each in variants[:_ROWS]:
        _show(screen, folder, explainer.reasons(each))
    if len(variants) > _ROWS:
        screen.line(f"… and {counted(len(variants) - _ROWS, 'more variant')}; --json has them all")
    if explainer.problem:
        screen.line(("What the next run would do is not known: ", "yellow"), explainer.problem)


def _show(screen: Screen, folder: RunFolder, reasons: Reasons) -> None:
    title = f" {reasons.label}  " if reasons.label else "  "
    screen.line((reasons.variant, "bold"), title, state_part(reasons.state), f" in {folder.id}")
    for sentence in reasons.why:
        screen.line(f"  {sentence}")
    if reasons.next_run:
        screen.line("  next run: ", (reasons.next_run, "bold"))
        for sentence in reasons.next_why:
            screen.line(f"    {sentence}")
