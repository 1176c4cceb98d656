"""``[stages.NAME.scheduler]``: what stops, pauses or alters variants while they run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbexp.errors import suggest
from nbexp.pipeline.links import Link
from nbexp.pipeline.spec import SchedulerSpec
from nbexp.pipeline.tables._base import Context, Key, Table
from nbexp.pipeline.tables._choices import Choice
from nbexp.pipeline.values import Secret

SCHEDULERS = Choice(
    "scheduler",
    ("asha", "hyperband", "median", "pbt", "bohb"),
    "TrialScheduler",
    "a plain value or a search space",
    Link | Secret,
)


def read_scheduler(value: Any, where: str, context: Context) -> SchedulerSpec | None:
    """Return what steers variants: written as its name, or as a table with options."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        kind = SCHEDULERS.read(value, where, context)
        return SchedulerSpec(kind) if kind else None
    if "type" not in value:
        _miss_type(value, where, context)
        return None
    kind = SCHEDULER.read(value, where, context)["type"]
    options = SCHEDULERS.read_options(value, SCHEDULER.names, where, context)
    return SchedulerSpec(kind, options) if kind else None


def _miss_type(value: Mapping[str, Any], where: str, context: Context) -> None:
    near = suggest("type", map(str, value), cutoff=0.75)
    if near:
        context.problems.unknown(f"{where}.{near}", near, SCHEDULER.names)
    else:
        example = 'type = "asha"'
        context.problems.expect(f"{where}.type", None, "which scheduler it is", example)


SCHEDULER = Table(
    "[stages.NAME.scheduler]",
    (
        Key(
            "type",
            SCHEDULERS.type,
            "[one of these](#schedulers), or the import path of a Tune `TrialScheduler`",
            default_text="required",
        ),
    ),
    others="a setting of the scheduler itself",
    required=("type",),
    short=SCHEDULERS.type.schema,
)
