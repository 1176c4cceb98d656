"""The top level of a pipeline file, ``[params]``, ``[defaults]`` and ``[stages]``."""

from __future__ import annotations

from typing import Any

from nbexp.pipeline.links import Link
from nbexp.pipeline.spaces import Distribution, Grid
from nbexp.pipeline.spec import Stage
from nbexp.pipeline.tables._base import Context, Key, Table, Type
from nbexp.pipeline.tables._params import VALUE_DEFINITION
from nbexp.pipeline.tables._types import FLAG, TABLE, TEXT, count_of_at_least, read_table
from nbexp.pipeline.tables.environment import ENVIRONMENT, read_environment
from nbexp.pipeline.tables.stage import DEFAULTS, STAGE, read_stage
from nbexp.pipeline.tables.tracking import TRACKING, read_tracking
from nbexp.pipeline.values import Secret, leaves


def _read_params(value: Any, where: str, context: Context) -> dict[str, Any]:
    table = read_table(value, where, context)
    values = {key: context.read_value(each, f"{where}.{key}") for key, each in table.items()}
    for key, each in values.items():
        if leaves(each, Link | Secret | Grid | Distribution):
            remedy = "Write the link, secret or search space in the stage that uses it."
            context.problems.add(f"{where}.{key}", "expected a plain value", remedy)
    return values


def _read_defaults(value: Any, where: str, context: Context) -> dict[str, Any]:
    """Return the settings for all stages as they are written: the stages read them."""
    table = read_table(value, where, context)
    DEFAULTS.check_keys(table, where, context.problems)
    return {key: each for key, each in table.items() if key in DEFAULTS.names}


def _read_stages(value: Any, where: str, context: Context) -> dict[str, Stage]:
    tables = read_table(value, where, context)
    if not value:
        remedy = 'Add one: [stages.NAME] with notebook = "…". nbexp init shows how.'
        context.problems.add(where, "expected at least one stage", remedy)
    return {str(name): read_stage(str(name), each, context) for name, each in tables.items()}


PIPELINE = Table(
    "the pipeline",
    (
        Key(
            "name",
            TEXT,
            "name of the pipeline, and of its MLflow experiment",
            default_text="the folder's name",
        ),
        Key(
            "task",
            TEXT,
            "what the pipeline is to solve: pipelines in one folder with the same task share the "
            "leaderboards of their [reports](commands.md), where stage, metric and mode are the "
            "same",
            default_text="the name",
        ),
        Key(
            "seed",
            count_of_at_least(0),
            "seed of every draw; a whole number of at least 0",
            default=0,
        ),
        Key(
            "params",
            Type(_read_params, TABLE.schema),
            "values for all stages, linked as `@params.NAME`; plain values alone",
            default={},
            default_text="none",
        ),
        Key(
            "defaults",
            Type(_read_defaults, DEFAULTS.schema()),
            "settings for all stages, each replaced as a whole by the stage's own",
            default={},
            default_text="none",
        ),
        Key(
            "stages",
            Type(
                _read_stages,
                {"type": "object", "additionalProperties": STAGE.schema(), "minProperties": 1},
            ),
            "the stages, at least one: `[stages.NAME]`",
            default={},
            default_text="required",
        ),
        Key(
            "tracking",
            Type(read_tracking, TRACKING.schema()),
            "where runs are tracked",
            default={},
            default_text="`mlflow.db` beside the file",
        ),
        Key(
            "report",
            FLAG,
            "whether a run writes its [report](commands.md) when it ends, unless it was stopped",
            default=False,
        ),
        Key(
            "environment",
            Type(read_environment, ENVIRONMENT.schema()),
            "what the kernels run in",
            default={},
            default_text="none",
        ),
    ),
    required=("stages",),
)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 7) of a pipeline file."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "nbexp pipeline",
        "$defs": {"value": VALUE_DEFINITION},
        **PIPELINE.schema(),
    }
