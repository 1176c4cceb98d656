"""Reads the settings of a stage: one function a key, each noting what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp.errors import did_you_mean, suggest
from nbexp.pipeline.links import Link
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.spaces import Distribution, Grid, is_finite
from nbexp.pipeline.spec import TEMPLATE, VARIANT, Mode, Resources, Scheduler, Score, Search
from nbexp.pipeline.values import Secret, leaves, plain

_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS_BYTES = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_IMPORT_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*[.:][^\W\d]\w*")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")

STAGE_KEYS = (
    "notebook", "params", "variants", "metric", "mode", "reduce", "search", "scheduler",
    "resources", "timeout", "retries", "after", "inputs", "kernel", "warm", "observe", "cwd",
)  # fmt: skip

ALGORITHMS = ("random", "optuna", "hyperopt", "bayesopt", "bohb")
SEARCH_KEYS = ("algorithm", "samples", "concurrent", "warm_start")
SCHEDULERS = ("asha", "hyperband", "median", "pbt", "bohb")
SCHEDULER_KEYS = ("type",)
REDUCE_KEYS = ("keep", "score")
RESOURCES = ("cpu", "gpu", "memory")
CWDS = (TEMPLATE, VARIANT)
Read = Callable[[Any, str], Any]


@dataclass(frozen=True)
class _Family:
    """What is chosen by name or by the import path of a class of Tune's, with its own options."""

    what: str
    names: tuple[str, ...]
    base: str
    keys: tuple[str, ...]
    form: str  # of options
    refused: Any


_SEARCH = _Family(
    "search algorithm", ALGORITHMS, "Searcher", SEARCH_KEYS,
    "a plain value (search spaces stand among the stage's params)",
    Link | Secret | Grid | Distribution,
)  # fmt: skip
_SCHEDULER = _Family(
    "scheduler", SCHEDULERS, "TrialScheduler", SCHEDULER_KEYS,
    "a plain value or a search space", Link | Secret,
)  # fmt: skip
_OF_THE_STAGE = ("metric", "mode")  # arguments of Tune's that a stage settles itself
_NOT_MISSPELT = ("sampler",)  # an option of Optuna's, however near to samples


def is_number(value: Any, *, above: float | None = None) -> bool:
    """Whether a value is a finite number, and larger than a bound."""
    return is_finite(value) and (above is None or value > above)


def read_text(value: Any, where: str, problems: Problems) -> str | None:
    """Return a text that is not empty, or None where there is none."""
    if value is None or (isinstance(value, str) and value):
        return value
    problems.expect(where, value, "a text", f'{where.rpartition(".")[2]} = "…"')
    return None


def read_texts(value: Any, where: str, problems: Problems) -> tuple[str, ...]:
    """Return a list of texts."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    problems.expect(where, value, "a list of texts", f'{where.rpartition(".")[2]} = ["…"]')
    return ()


def read_table(value: Any, where: str, problems: Problems) -> dict[str, Any]:
    """Return a table."""
    if isinstance(value, Mapping):
        return dict(value)
    problems.expect(where, value, "a table", f"[{where}]")
    return {}


def check_keys(
    table: Mapping[str, Any], known: tuple[str, ...], where: str, problems: Problems
) -> None:
    """Note every key that is none of those known."""
    for key in table:
        if key not in known:
            problems.unknown(f"{where}.{key}".lstrip("."), key, known)


def read_count(value: Any, where: str, problems: Problems, *, least: int) -> int | None:
    """Return a whole number that is large enough."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    key = where.rpartition(".")[2]
    problems.expect(where, value, f"a whole number of at least {least}", f"{key} = {least or 1}")
    return None


def read_seconds(value: Any, where: str, problems: Problems) -> float | None:
    """Return a duration in seconds, from a number of seconds or a text such as ``30m``."""
    if value is None:
        return None
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match and match[2] in _UNITS_S and float(match[1]) > 0:
        return float(match[1]) * _UNITS_S[match[2]]
    if is_number(value, above=0):
        return float(value)
    units = ", ".join(_UNITS_S)
    problems.expect(where, value, f"a duration ({units}, or seconds)", 'timeout = "30m"')
    return None


def read_bytes(value: Any, where: str, problems: Problems) -> int | None:
    """Return an amount of memory in bytes, from a number of bytes or a text such as ``4GiB``."""
    if value is None:
        return None
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match and match[2] in _UNITS_BYTES:
        return int(float(match[1]) * _UNITS_BYTES[match[2]])
    if is_number(value, above=0):
        return int(value)
    units = ", ".join(_UNITS_BYTES)
    problems.expect(where, value, f"an amount of memory ({units})", 'memory = "4GiB"')
    return None


def read_mode(value: Any, where: str, problems: Problems) -> Mode:
    """Return whether larger or smaller is better."""
    if value in tuple(Mode):
        return Mode(value)
    problems.expect(where, value, "'max' or 'min'", 'mode = "max"')
    return Mode.MAX


def read_resources(value: Any, where: str, problems: Problems) -> Resources:
    """Return what a variant needs; keys other than Ray's own are custom resources."""
    table = read_table(value, where, problems)
    amounts: dict[str, float] = {"cpu": 1.0, "gpu": 0.0}
    for key, amount in table.items():
        if key == "memory":
            continue
        near = suggest(key.lower(), RESOURCES, cutoff=0.75)
        if near and key not in RESOURCES:
            problems.unknown(f"{where}.{key}", key, RESOURCES, "resource")
        elif not is_number(amount) or amount < 0:
            problems.expect(f"{where}.{key}", amount, "a number of at least 0", f"{key} = 1")
        elif key == "gpu" and amount > 1 and amount != int(amount):
            form = "a whole number of GPUs, or a part of one"
            problems.expect(f"{where}.gpu", amount, form, "gpu = 0.5")
        else:
            amounts[key] = float(amount)
    memory = read_bytes(table.get("memory"), f"{where}.memory", problems)
    cpu, gpu = amounts.pop("cpu"), amounts.pop("gpu")
    return Resources(cpu, gpu, memory, tuple(sorted(amounts.items())))


def read_flag(value: Any, where: str, problems: Problems) -> bool:
    """Return whether something is asked for."""
    if isinstance(value, bool):
        return value
    problems.expect(where, value, "true or false", f"{where.rpartition('.')[2]} = true")
    return False


def read_cwd(value: Any, where: str, problems: Problems, *, folder: Path) -> str:
    """Return where kernels start: in the template's folder, in one of their own, or in a path.

    Args:
        value: What was written.
        where: The key that it stands at.
        problems: Takes in what is wrong with it.
        folder: The pipeline's folder.
    """
    if not isinstance(value, str) or not value:
        form = "'template', 'variant' or the path of a folder"
        problems.expect(where, value, form, 'cwd = "variant"')
        return TEMPLATE
    path = folder / value
    taken = next((each for each in (path, *path.parents) if each.exists()), path)
    near = suggest(value, CWDS, cutoff=0.75)
    if value in CWDS:
        return value
    if near and not path.exists():
        remedy = f"Did you mean {near!r}? A new folder of that name is written './{value}'."
        problems.add(where, f"there is no folder {value!r}", remedy)
    elif taken.is_file():
        message = f"expected a folder, but {str(taken)!r} is a file"
        problems.add(where, message, "Choose another folder; it is made where there is none.")
    return value


def read_search(value: Any, where: str, problems: Problems, *, read_value: Read) -> Search:
    """Return how values are chosen; keys that are not ours are options of the algorithm."""
    if not isinstance(value, Mapping):
        example = 'search = { algorithm = "optuna", samples = 20 }'
        problems.expect(where, value, "a table", example)
        return Search()
    table = {"algorithm": "random", "samples": 1, "concurrent": 4, "warm_start": False, **value}
    algorithm = _read_kind(table["algorithm"], f"{where}.algorithm", _SEARCH, problems)
    samples = read_count(table["samples"], f"{where}.samples", problems, least=1)
    concurrent = read_count(table["concurrent"], f"{where}.concurrent", problems, least=1)
    is_warm = read_flag(table["warm_start"], f"{where}.warm_start", problems)
    if algorithm != "random":
        options = _read_options(table, where, _SEARCH, problems, read_value)
        search = Search(algorithm or "", samples or 1, concurrent or 4, is_warm, options)
        return search if algorithm else Search()
    check_keys(table, SEARCH_KEYS, where, problems)
    if is_warm:
        message = "independent draws learn nothing from earlier runs"
        remedy = 'Leave it out, or choose an algorithm that learns: algorithm = "optuna".'
        problems.add(f"{where}.warm_start", message, remedy)
    return Search("random", samples or 1, concurrent or 4)


def read_scheduler(
    value: Any, where: str, problems: Problems, *, read_value: Read
) -> Scheduler | None:
    """Return what stops or alters variants: written as its name, or as a table with options."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        kind = _read_kind(value, where, _SCHEDULER, problems)
        return Scheduler(kind) if kind else None
    if "type" not in value:
        near = suggest("type", map(str, value), cutoff=0.75)
        if near:
            problems.unknown(f"{where}.{near}", near, SCHEDULER_KEYS)
        else:
            problems.expect(f"{where}.type", None, "which scheduler it is", 'type = "asha"')
        return None
    kind = _read_kind(value["type"], f"{where}.type", _SCHEDULER, problems)
    options = _read_options(value, where, _SCHEDULER, problems, read_value)
    return Scheduler(kind, options) if kind else None


def _read_kind(value: Any, where: str, family: _Family, problems: Problems) -> str | None:
    """Return a name of the family's, or the import path of a class."""
    if not isinstance(value, str):
        key = where.rpartition(".")[2]
        problems.expect(
            where, value, f"the name of a {family.what}", f'{key} = "{family.names[1]}"'
        )
        return None
    if value in family.names or _IMPORT_PATH.fullmatch(value):
        return value
    near = did_you_mean(value.lower(), family.names)
    remedy = f"{near} Or give the import path of a Tune {family.base}: package.module:Class."
    problems.add(where, f"unknown {family.what} {value!r}", remedy)
    return None


def _read_options(
    table: Mapping[str, Any], where: str, family: _Family, problems: Problems, read_value: Read
) -> dict[str, Any]:
    """Return the settings of an algorithm or scheduler itself, which knows best what they mean."""
    given = {str(key): value for key, value in table.items() if key not in family.keys}
    options = {key: read_value(value, f"{where}.{key}") for key, value in given.items()}
    for key, option in options.items():
        if key in _OF_THE_STAGE:
            stage = where.rpartition(".")[0]
            message = f"{key} is a setting of the stage"
            problems.add(f"{where}.{key}", message, f"Write it under [{stage}].")
        elif key not in _NOT_MISSPELT and suggest(key, family.keys, cutoff=0.85):
            problems.unknown(f"{where}.{key}", key, family.keys)
        for _, leaf in leaves(option, family.refused):
            example = f'{key} = 1, or {key} = "@params.NAME"'
            problems.expect(f"{where}.{key}", plain(leaf), family.form, example)
    return options


def read_reduce(value: Any, where: str, problems: Problems) -> tuple[int | float | None, Score]:
    """Return how many variants go on (None for all), and which reported value counts."""
    if value is None:
        return None, Score.LAST
    if not isinstance(value, Mapping):
        problems.expect(where, value, "a table", "reduce = { keep = 1 }")
        return None, Score.LAST
    check_keys(value, REDUCE_KEYS, where, problems)
    score = value.get("score", "last")
    if score not in tuple(Score):
        problems.expect(f"{where}.score", score, "'best' or 'last'", 'score = "best"')
        score = "last"
    return _read_keep(value.get("keep"), f"{where}.keep", problems), Score(score)


def _read_keep(value: Any, where: str, problems: Problems) -> int | float | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    form = "a whole number of at least 1, or a fraction between 0 and 1"
    if is_number(value, above=0) and value == int(value):  # a float: how many, or all of them?
        remedy = f"Write keep = {int(value)} for the best {int(value)}; without reduce all go on."
        problems.add(where, f"expected {form}, got {value!r}", remedy)
    else:
        problems.expect(where, value, form, "keep = 1, or keep = 0.5 for the better half")
    return None
