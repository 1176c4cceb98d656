"""From plain tables to a checked pipeline; every mistake is noted, and all are told at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbexp.errors import suggest
from nbexp.pipeline.check import check_stages, ordered
from nbexp.pipeline.params import ParamReader
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.spec import Pipeline
from nbexp.pipeline.tables import PIPELINE, Context
from nbexp.pipeline.toml import apply_environment, apply_settings, read_toml
from nbexp.pipeline.values import plain


def read_pipeline(path: Path, *, sets: tuple[str, ...] = ()) -> Pipeline:
    """Read and check a pipeline file.

    Args:
        path: The TOML file.
        sets: Values to lay over it, each as ``stage.param=VALUE`` with a TOML value.

    Raises:
        PipelineError: There are mistakes; it holds all of them.
    """
    path = path.absolute()
    return build_pipeline(read_toml(path), folder=path.parent, file=path, sets=sets)


def build_pipeline(
    tables: Mapping[str, Any],
    *,
    folder: Path,
    file: Path | None = None,
    sets: tuple[str, ...] = (),
) -> Pipeline:
    """Check plain tables of the pipeline format, and return the pipeline.

    Args:
        tables: The tables, as TOML gives them.
        folder: Folder that relative paths start from.
        file: The file they come from, if any.
        sets: Values to lay over them, each as ``stage.param=VALUE``.

    Raises:
        PipelineError: There are mistakes; it holds all of them.
    """
    problems = Problems(file.name if file else "pipeline", file)
    raw = apply_settings(tables, sets, problems)
    raw = apply_environment(raw, os.environ, problems)
    context = Context(folder.absolute(), problems, ParamReader({}, os.environ, problems).read)
    PIPELINE.check_keys(raw, "", problems)
    shared, defaults = (_read(key, raw, context) for key in ("params", "defaults"))
    params = ParamReader(shared, os.environ, problems)
    context = replace(context, read_value=params.read, defaults=defaults)
    pipeline = _pipeline(raw, file, context)
    _check_sets(sets, params, problems)
    problems.raise_any()
    return pipeline


def _pipeline(raw: Mapping[str, Any], file: Path | None, context: Context) -> Pipeline:
    names = ("name", "task", "seed", "tracking", "report", "environment", "stages")
    read = {name: _read(name, raw, context) for name in names}
    check_stages(read["stages"], context.problems)
    default = context.folder.name if file is None else file.parent.name
    settled = {
        "name": read["name"] or default,
        "seed": read["seed"] or 0,
        "stages": ordered(read["stages"]),
    }
    return Pipeline(**read | settled, folder=context.folder, file=file, source=plain(raw))


def _read(name: str, raw: Mapping[str, Any], context: Context) -> Any:
    return PIPELINE.read_key(name, raw, "", context)


def _check_sets(sets: Iterable[str], params: ParamReader, problems: Problems) -> None:
    """Note values for pipeline-wide parameters that no stage links to."""
    for setting in sets:
        target, _, name = setting.partition("=")[0].strip().partition(".")
        key = name.partition(".")[0]
        if target == "params" and key not in params.used:
            near = suggest(key, params.used)
            remedy = f"Did you mean {near!r}?" if near else f"Link to it, as @params.{key}."
            problems.add(f"--set {setting}", f"no stage links to @params.{key}", remedy)
