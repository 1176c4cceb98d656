"""Asks something of a run that goes on, and tells what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from nbexp.cli._screen import Screen
from nbexp.errors import UsageError, did_you_mean
from nbexp.files import read_json, shown_json
from nbexp.pipeline import Distribution, Grid, Link
from nbexp.pipeline.params import ParamReader
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.toml import apply_settings
from nbexp.pipeline.values import Secret, plain, walk
from nbexp.runs.control import Request
from nbexp.runs.finding import find_alive
from nbexp.runs.run import Run

_VERBS = {"add": "add to", "pause": "pause", "continue": "continue"}


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
    asked = _alive(root, run, "add")
    stage = _stage(asked, addition.stage)
    params = _params(asked, stage, addition.sets)
    request = Request("add", stage=stage, samples=addition.samples, params=params)
    return _ask(asked, request, as_json=as_json)


def ask(root: Path, run: str | None, what: str, *, as_json: bool) -> int:
    """Ask a run to ``pause`` or ``continue``; return the exit code.

    Raises:
        UsageError: There is no such run.
    """
    return _ask(_alive(root, run, what), Request(what), as_json=as_json)


def _alive(root: Path, name: str | None, what: str) -> Run:
    found = find_alive(root, name, _VERBS[what])
    if found.variant is not None:
        raise UsageError(f"{found.variant.name} is a variant; nbexp {what} takes a run.")
    return Run(found.folder)


def _ask(run: Run, request: Request, *, as_json: bool) -> int:
    reply = run.ask(request)
    if as_json:
        click.echo(shown_json({"run": run.id, **asdict(reply)}, indent=1))
    else:
        Screen(to_error=not reply.is_done).line(f"{run.id}: {reply.message}")
    return 0 if reply.is_done else 1


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
