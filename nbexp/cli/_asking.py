"""Asks something of a run that goes on, and tells what came of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from nbexp.cli._finding import Found, find_alive
from nbexp.cli._screen import Screen
from nbexp.errors import UsageError, did_you_mean
from nbexp.files import read_json, shown_json
from nbexp.pipeline import Distribution, Grid, Link
from nbexp.pipeline.params import ParamReader
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.toml import apply_settings
from nbexp.pipeline.values import Secret, plain, walk
from nbexp.runs.control import Reply, Request, await_reply, send

_PATIENCE_S = 30.0  # a driver that starts Ray answers once that is done
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
    found = _alive(root, run, "add")
    stage = _stage(found, addition.stage)
    params = _params(found, stage, addition.sets)
    request = Request("add", stage=stage, samples=addition.samples, params=params)
    return _ask(found, request, as_json=as_json)


def ask(root: Path, run: str | None, what: str, *, as_json: bool) -> int:
    """Ask a run to ``pause`` or ``continue``; return the exit code.

    Raises:
        UsageError: There is no such run.
    """
    return _ask(_alive(root, run, what), Request(what), as_json=as_json)


def _alive(root: Path, run: str | None, what: str) -> Found:
    found = find_alive(root, run, _VERBS[what])
    if found.variant is not None:
        raise UsageError(f"{found.variant.name} is a variant; nbexp {what} takes a run.")
    return found


def _ask(found: Found, request: Request, *, as_json: bool) -> int:
    since = send(found.folder, request)
    reply = await_reply(found.folder, request, _PATIENCE_S, since) or _no_reply(found)
    if as_json:
        click.echo(shown_json({"run": found.folder.id, **asdict(reply)}, indent=1))
    else:
        Screen(to_error=not reply.is_done).line(f"{found.folder.id}: {reply.message}")
    return 0 if reply.is_done else 1


def _no_reply(found: Found) -> Reply:
    if not found.folder.is_alive():
        return Reply(False, "it ended before it could do that")
    return Reply(False, f"it was asked, but has not answered within {_PATIENCE_S:g} s")


def _stage(found: Found, name: str | None) -> str:
    stages = found.history.stages
    if not stages:
        raise UsageError(f"{found.folder.id} is only starting; ask again in a moment.")
    if name is None and len(stages) == 1:
        return stages[0]
    if name is None:
        raise UsageError(f"Name the stage: --stage STAGE, one of {', '.join(stages)}.")
    if name not in stages:
        raise UsageError(f"{found.folder.id} has no stage {name!r}. {did_you_mean(name, stages)}")
    return name


def _params(found: Found, stage: str, sets: Sequence[str]) -> Mapping[str, Any]:
    """Return the values that are set, by parameter; values in tables in tables."""
    problems = Problems("nbexp add")
    settings = [each if each.startswith(f"{stage}.") else f"{stage}.{each}" for each in sets]
    tables = apply_settings({"stages": {stage: {}}}, settings, problems)
    reader = ParamReader(_shared(found), os.environ, problems)
    params = tables["stages"][stage].get("params", {})
    values = {name: reader.read(value, name) for name, value in params.items()}
    if problems.found:
        raise UsageError("\n".join(map(str, problems.found)))
    for name, value in values.items():
        _refuse_if_open(name, value)
    return values


def _shared(found: Found) -> Mapping[str, Any]:
    try:
        return dict(read_json(found.folder.pipeline).get("params", {}))
    except (OSError, ValueError):
        return {}


def _refuse_if_open(name: str, value: Any) -> None:
    if any(isinstance(leaf, Link | Secret | Grid | Distribution) for _, leaf in walk(value)):
        raise UsageError(
            f"--set {name}: expected a plain value, got {shown_json(plain(value))}. Links, secrets "
            "and search spaces stand in the pipeline; --samples draws from those."
        )
