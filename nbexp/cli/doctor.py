"""The command ``doctor``: tells what runs need on this machine, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from nbexp.cli import _options
from nbexp.cli._screen import Screen
from nbexp.doctor.checks import examine
from nbexp.doctor.finding import Finding, Level
from nbexp.files import shown_json
from nbexp.wording import counted

_SIGNS = {Level.OK: ("✓ ", "green"), Level.WARNING: ("! ", "yellow"), Level.PROBLEM: ("✗ ", "red")}


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
    screen, findings = Screen(), []
    for finding in examine(root, is_quick=quick):
        findings.append(finding)
        if not as_json:
            _show(screen, finding)
    levels = Counter(finding.level for finding in findings)
    if as_json:
        click.echo(shown_json([each.to_record() for each in findings], indent=1))
    else:
        _sum_up(screen, levels)
    ctx.exit(1 if levels[Level.PROBLEM] else 0)


def _show(screen: Screen, finding: Finding) -> None:
    screen.line(_SIGNS[finding.level], f"{finding.name}  ", (finding.message, "dim"))
    if finding.remedy:
        screen.line("    ", ("→ ", "green"), finding.remedy)


def _sum_up(screen: Screen, levels: Counter[Level]) -> None:
    problems, warnings = levels[Level.PROBLEM], levels[Level.WARNING]
    if not problems and not warnings:
        screen.line(("All is well.", "green"))
        return
    screen.line(f"{counted(problems, 'problem')}, {counted(warnings, 'warning')}.")
