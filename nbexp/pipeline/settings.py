"""Reads the settings of a stage: one function a key, each noting what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from nbexp.errors import suggest
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.spec import Mode, Resources, Search

_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS_BYTES = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")

STAGE_KEYS = (
    "notebook", "params", "variants", "metric", "mode", "reduce", "search",
    "resources", "timeout", "retries", "after", "inputs", "kernel",
)  # fmt: skip

ALGORITHMS = ("random",)
SEARCH_KEYS = ("algorithm", "samples")
REDUCE_KEYS = ("keep",)
RESOURCES = ("cpu", "gpu", "memory")


def is_number(value: Any, *, above: float | None = None) -> bool:
    """Whether a value is a finite number, and larger than a bound."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return above is None or value > above


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


def read_search(value: Any, where: str, problems: Problems) -> Search:
    """Return how distributions are sampled."""
    table = read_table(value, where, problems)
    check_keys(table, SEARCH_KEYS, where, problems)
    algorithm = table.get("algorithm", "random")
    if algorithm not in ALGORITHMS:
        problems.unknown(f"{where}.algorithm", str(algorithm), ALGORITHMS, "search algorithm")
    samples = read_count(table.get("samples", 1), f"{where}.samples", problems, least=1)
    return Search("random", samples or 1)


def read_keep(value: Any, where: str, problems: Problems) -> int | None:
    """Return how many variants go on, or None for all."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        problems.expect(where, value, "a table", "reduce = { keep = 1 }")
        return None
    table = dict(value)
    check_keys(table, REDUCE_KEYS, where, problems)
    return read_count(table.get("keep"), f"{where}.keep", problems, least=1)
