"""The command ``add``: adds variants to a run that goes on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from nbexp.cli import _options
from nbexp.cli._asking import find_asked, tell_reply
from nbexp.errors import UsageError, did_you_mean
from nbexp.files import read_json, shown_json
from nbexp.pipeline import Distribution, Grid, Link
from nbexp.pipeline.params import ParamReader
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.toml import apply_settings
from nbexp.pipeline.values import Secret, plain, walk
from nbexp.runs.control import Request
from nbexp.runs.run import Run


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
    addition = AddOptions(stage, samples, sets)
    ctx.exit(add_variants(root, run, addition, as_json=as_json))


@dataclass(frozen=True)
class AddOptions:
    """What is to be added, as the command line says it.

    Attributes:
        stage: Name of the stage; None for the run's only one.
        samples: How many draws or suggestions more for each grid point.
        sets: Parameters, each as ``PARAM=VALUE`` or ``STAGE.PARAM=VALUE``.
    """

    stage: str | None
    samples: int | None
    sets: Sequence[str]


def add_variants(root: Path, run: str | None, addition: AddOptions, *, as_json: bool) -> int:
    """Add variants to a run; return the exit code.

    Raises:
        UsageError: There is no such run or stage, or what is to be added makes no sense.
    """
    if addition.samples is None and not addition.sets:
        raise UsageError("Say what to add: --samples N, or --set PARAM=VALUE, or both.")
    asked = find_asked(root, run, "add")
    stage = _stage(asked, addition.stage)
    params = _params(asked, stage, addition.sets)
    request = Request("add", stage=stage, samples=addition.samples, params=params)
    return tell_reply(asked, request, as_json=as_json)


def _stage(run: Run, name: str | None) -> str:
    stages = run.history.stages
    if not stages:
        raise UsageError(f"{run.id} is only starting; ask again in a moment.")
    if name is None and len(stages) == 1:
        return stages[0]
    if name is None:
        raise UsageError(f"Name the stage: --stage STAGE, one of {', '.join(stages)}.")
    if name not in stages:
        raise UsageError(f"{run.id} has no stage {name!r}. {did_you_mean(name, stages)}")
    return name


def _params(run: Run, stage: str, sets: Sequence[str]) -> Mapping[str, Any]:
    """Return the values that are set, by parameter; values in tables in tables."""
    problems = Problems("nbexp add")
    settings = [each if each.startswith(f"{stage}.") else f"{stage}.{each}" for each in sets]
    tables = apply_settings({"stages": {stage: {}}}, settings, problems)
    reader = ParamReader(_shared(run), os.environ, problems)
    params = tables["stages"][stage].get("params", {})
    values = {name: reader.read(value, name) for name, value in params.items()}
    if problems.found:
        raise UsageError("\n".join(map(str, problems.found)))
    for name, value in values.items():
        _refuse_if_open(name, value)
    return values


def _shared(run: Run) -> Mapping[str, Any]:
    try:
        return dict(read_json(run.folder.pipeline).get("params", {}))
    except (OSError, ValueError):
        return {}


def _refuse_if_open(name: str, value: Any) -> None:
    if any(isinstance(leaf, Link | Secret | Grid | Distribution) for _, leaf in walk(value)):
        raise UsageError(
            f"--set {name}: expected a plain value, got {shown_json(plain(value))}. Links, secrets "
            "and search spaces stand in the pipeline; --samples draws from those."
        )
