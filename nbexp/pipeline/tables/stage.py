"""``[stages.NAME]``: a template with its parameters and settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbexp.errors import suggest
from nbexp.pipeline.spec import TEMPLATE, VARIANT, Mode, Stage
from nbexp.pipeline.tables._base import Context, Key, Table, Type
from nbexp.pipeline.tables._params import CASES, PARAMS
from nbexp.pipeline.tables._templates import TEMPLATES
from nbexp.pipeline.tables._types import (
    DURATION,
    FLAG,
    TEXT,
    TEXTS,
    count_of_at_least,
    read_table,
    read_texts,
)
from nbexp.pipeline.tables.reduce import REDUCE, read_reduce
from nbexp.pipeline.tables.resources import RESOURCES, read_resources
from nbexp.pipeline.tables.scheduler import SCHEDULER, read_scheduler
from nbexp.pipeline.tables.search import SEARCH, read_search

_NAME = re.compile(r"[A-Za-z_][\w-]{0,99}")
_CWDS = (TEMPLATE, VARIANT)


def read_stage(name: str, value: Any, context: Context) -> Stage:
    """Return a stage, from its name and its table as it is written."""
    where = f"stages.{name}"
    if not _NAME.fullmatch(name) or name == "params":
        remedy = "Use up to 100 letters, digits, _ and -, starting with a letter or _;"
        message = f"{name!r} can't name a stage"
        context.problems.add(where, message, f"{remedy} 'params' is taken.")
    own = read_table(value, where, context)
    if not isinstance(value, Mapping):
        return Stage(name, ())
    read = STAGE.read(own, where, context)
    keep, score = read.pop("reduce")
    return Stage(
        name=name,
        templates=read.pop("notebook"),
        cases=read.pop("variants"),
        keep=keep,
        score=score,
        timeout_s=read.pop("timeout"),
        retries=read.pop("retries") or 0,
        **read,
    )


def _read_mode(value: Any, where: str, context: Context) -> Mode:
    if value in tuple(Mode):
        return Mode(value)
    context.problems.expect(where, value, "'max' or 'min'", 'mode = "max"')
    return Mode.MAX


def _read_inputs(value: Any, where: str, context: Context) -> tuple[Path, ...]:
    names = read_texts(value, where, context)
    paths = [(context.folder / name).absolute() for name in names]
    for name, path in zip(names, paths, strict=True):
        if not path.exists():
            remedy = "Check the path; it starts from the pipeline's folder."
            context.problems.add(where, f"there is no file or folder {name!r}", remedy)
        elif (context.folder / "runs").is_relative_to(path.resolve()):
            remedy = "Name the files and folders in it that the stage reads."
            message = f"{name!r} holds the runs, which change with each run"
            context.problems.add(where, message, remedy)
    return tuple(paths)


def _read_cwd(value: Any, where: str, context: Context) -> str:
    """Return where kernels start: in the template's folder, in one of their own, or in a path."""
    if not isinstance(value, str) or not value:
        form = "'template', 'variant' or the path of a folder"
        context.problems.expect(where, value, form, 'cwd = "variant"')
        return TEMPLATE
    path = context.folder / value
    taken = next((each for each in (path, *path.parents) if each.exists()), path)
    near = suggest(value, _CWDS, cutoff=0.75)
    if value in _CWDS:
        return value
    if near and not path.exists():
        remedy = f"Did you mean {near!r}? A new folder of that name is written './{value}'."
        context.problems.add(where, f"there is no folder {value!r}", remedy)
    elif taken.is_file():
        message = f"expected a folder, but {str(taken)!r} is a file"
        remedy = "Choose another folder; it is made where there is none."
        context.problems.add(where, message, remedy)
    return value


STAGE = Table(
    "[stages.NAME]",
    (
        Key(
            "notebook",
            TEMPLATES,
            'path of the template; `{ grid = ["cnn.ipynb", "mlp.ipynb"] }` makes the template '
            "itself vary",
            default_text="required",
        ),
        Key("params", PARAMS, "parameters of the notebook", default={}, default_text="none"),
        Key(
            "variants",
            CASES,
            "explicit cases, each laid over `params`: `[{ lr = 0.1, hidden = 32 }, { lr = 0.01 }]`",
            default_text="none",
        ),
        Key(
            "metric",
            TEXT,
            "name of the number by which variants are compared: a scrap, what the notebook reports "
            "by `nbexp.log`, or what it [logs to MLflow](notebook-api.md#mlflow), also by "
            "autologging",
            default_text="none",
            is_shared=True,
        ),
        Key(
            "mode",
            Type(_read_mode, {"enum": list(Mode)}),
            '`"max"` or `"min"`: whether larger or smaller is better',
            default="max",
            is_shared=True,
        ),
        Key(
            "reduce",
            Type(read_reduce, REDUCE.schema()),
            "which variants go on to later stages; needs `metric`",
            default_text="none",
        ),
        Key(
            "search",
            Type(read_search, SEARCH.schema()),
            "how values are chosen from distributions",
            default_text="one draw",
        ),
        Key(
            "scheduler",
            Type(read_scheduler, SCHEDULER.schema()),
            "what stops, pauses or alters variants while they run; needs `metric`. Its name alone "
            'will do: `scheduler = "asha"`',
            default_text="none",
        ),
        Key(
            "resources",
            Type(read_resources, RESOURCES.schema()),
            "what one variant needs while it runs",
            default={},
            default_text="one core",
            is_shared=True,
        ),
        Key(
            "timeout",
            DURATION,
            'time limit of one execution: seconds, or a text such as `"90s"`, `"30m"`, `"1.5h"`, '
            '`"2d"` or `"500ms"`',
            default_text="none",
            is_shared=True,
        ),
        Key(
            "retries",
            count_of_at_least(0),
            "how often a variant that failed or timed out is executed again",
            default=0,
            is_shared=True,
        ),
        Key(
            "after",
            TEXTS,
            'names of stages that must have ended before, without data: `["prepare"]`; where no '
            "variant of one finished, the stage is skipped",
            default=[],
            default_text="none",
        ),
        Key(
            "inputs",
            Type(_read_inputs, TEXTS.schema),
            "files and folders whose content is part of the identity; not one that holds `runs/`",
            default=[],
            default_text="none",
            is_shared=True,
        ),
        Key(
            "kernel",
            TEXT,
            "name of the kernel, as `jupyter kernelspec list` shows it",
            default_text="the template's",
            is_shared=True,
        ),
        Key(
            "warm",
            FLAG,
            "whether Python kernels may be forked from a process that has their imports done "
            "([0016](decisions/0016-warm-kernels.md)); no part of the identity",
            default=True,
            is_shared=True,
        ),
        Key(
            "observe",
            FLAG,
            "whether [what the notebook uses](observation.md) is recorded, and must be the same "
            "for its result to be reused; no part of the identity",
            default=True,
            is_shared=True,
        ),
        Key(
            "cwd",
            Type(_read_cwd, TEXT.schema),
            "the folder that kernels start in, from which relative names in the notebook start: "
            '`"template"`, the template\'s; `"variant"`, [one of the variant\'s '
            "own](#folders-of-their-own); or a path, made where there is none. Part of the "
            'identity unless it is `"template"`',
            default=TEMPLATE,
            is_shared=True,
        ),
    ),
    required=("notebook",),
)

DEFAULTS = Table("[defaults]", tuple(key for key in STAGE.keys if key.is_shared))
