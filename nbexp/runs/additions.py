"""What is to be added to a run that goes on, as people write it: checked before it is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from nbexp.errors import UsageError, did_you_mean
from nbexp.files import read_json, shown_json
from nbexp.pipeline import Distribution, Grid, Link
from nbexp.pipeline.params import ParamReader
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.toml import apply_settings
from nbexp.pipeline.values import Secret, plain, walk
from nbexp.runs.folder import RunFolder


def choose_stage(run: str, stages: Sequence[str], name: str | None) -> str:
    """Return the stage to add to: the one that is named, or the only one.

    Args:
        run: Name of the run.
        stages: The names of its stages; none as long as it has not told them.
        name: What was named, if anything.

    Raises:
        UsageError: There is no such stage, or several and none was named.
    """
    if not stages:
        raise UsageError(f"{run} is only starting; ask again in a moment.")
    if name is None and len(stages) == 1:
        return stages[0]
    if name is None:
        raise UsageError(f"Name the stage: --stage STAGE, one of {', '.join(stages)}.")
    if name not in stages:
        raise UsageError(f"{run} has no stage {name!r}. {did_you_mean(name, stages)}")
    return name


def read_settings(folder: RunFolder, stage: str, settings: Sequence[str]) -> dict[str, Any]:
    """Return the values that are set, by parameter; values in tables in tables.

    Args:
        folder: The run's folder, whose pipeline's own values ``@params.NAME`` links to.
        stage: Name of the stage.
        settings: Each as ``PARAM=VALUE`` or ``STAGE.PARAM=VALUE``, with a TOML value.

    Raises:
        UsageError: They can't be read, or are no plain values.
    """
    problems = Problems("nbexp add")
    named = [each if each.startswith(f"{stage}.") else f"{stage}.{each}" for each in settings]
    tables = apply_settings({"stages": {stage: {}}}, named, problems)
    reader = ParamReader(_shared(folder), os.environ, problems)
    params = tables["stages"][stage].get("params", {})
    values = {name: reader.read(value, name) for name, value in params.items()}
    if problems.found:
        raise UsageError("\n".join(map(str, problems.found)))
    for name, value in values.items():
        refuse_if_open(f"--set {name}", value)
    return values


def _shared(folder: RunFolder) -> Mapping[str, Any]:
    try:
        return dict(read_json(folder.pipeline).get("params", {}))
    except (OSError, ValueError):
        return {}


def refuse_if_open(where: str, value: Any) -> None:
    """Refuse a value that has yet to be drawn or looked up.

    Args:
        where: What it is for, for the message.
        value: The value.

    Raises:
        UsageError: There is a link, a secret or a search space in it.
    """
    if any(isinstance(leaf, Link | Secret | Grid | Distribution) for _, leaf in walk(value)):
        raise UsageError(
            f"{where}: expected a plain value, got {shown_json(plain(value))}. Links, secrets "
            "and search spaces stand in the pipeline; --samples draws from those."
        )
