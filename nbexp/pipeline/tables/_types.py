"""Types of values that several keys share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nbexp.pipeline.spaces import is_finite
from nbexp.pipeline.tables._base import Context, Type

UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
UNITS_BYTES = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")


def is_positive(value: Any) -> bool:
    """Whether a value is a finite number above 0."""
    return is_finite(value) and value > 0


def read_text(value: Any, where: str, context: Context) -> str | None:
    """Return a text that is not empty, or None where there is none."""
    if value is None or (isinstance(value, str) and value):
        return value
    context.problems.expect(where, value, "a text", f'{_key(where)} = "…"')
    return None


def read_texts(value: Any, where: str, context: Context) -> tuple[str, ...]:
    """Return a list of texts."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    context.problems.expect(where, value, "a list of texts", f'{_key(where)} = ["…"]')
    return ()


def read_table(value: Any, where: str, context: Context) -> dict[str, Any]:
    """Return a table."""
    if isinstance(value, Mapping):
        return dict(value)
    context.problems.expect(where, value, "a table", f"[{where}]")
    return {}


def read_flag(value: Any, where: str, context: Context) -> bool:
    """Return whether something is asked for."""
    if isinstance(value, bool):
        return value
    context.problems.expect(where, value, "true or false", f"{_key(where)} = true")
    return False


def count_of_at_least(least: int) -> Type:
    """Return the type of a whole number that is large enough; what is wrong is read as None."""

    def read(value: Any, where: str, context: Context) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        form = f"a whole number of at least {least}"
        context.problems.expect(where, value, form, f"{_key(where)} = {least or 1}")
        return None

    return Type(read, {"type": "integer", "minimum": least})


def read_seconds(value: Any, where: str, context: Context) -> float | None:
    """Return a duration in seconds, from a number of seconds or a text such as ``30m``."""
    if value is None:
        return None
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match and match[2] in UNITS_S and float(match[1]) > 0:
        return float(match[1]) * UNITS_S[match[2]]
    if is_positive(value):
        return float(value)
    form = f"a duration ({', '.join(UNITS_S)}, or seconds)"
    context.problems.expect(where, value, form, f'{_key(where)} = "30m"')
    return None


def read_bytes(value: Any, where: str, context: Context) -> int | None:
    """Return an amount of memory in bytes, from a number of bytes or a text such as ``4GiB``."""
    if value is None:
        return None
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match and match[2] in UNITS_BYTES:
        return int(float(match[1]) * UNITS_BYTES[match[2]])
    if is_positive(value):
        return int(value)
    form = f"an amount of memory ({', '.join(UNITS_BYTES)})"
    context.problems.expect(where, value, form, f'{_key(where)} = "4GiB"')
    return None


def _key(where: str) -> str:
    return where.rpartition(".")[2]


def _quantity(units: Mapping[str, float]) -> dict[str, Any]:
    pattern = rf"^\s*\d+(\.\d+)?\s*({'|'.join(units)})\s*$"
    return {
        "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": pattern}]
    }


TEXT = Type(read_text, {"type": "string", "minLength": 1})
TEXTS = Type(read_texts, {"type": "array", "items": {"type": "string"}})
TABLE = Type(read_table, {"type": "object"})
FLAG = Type(read_flag, {"type": "boolean"})
DURATION = Type(read_seconds, _quantity(UNITS_S))
MEMORY = Type(read_bytes, _quantity(UNITS_BYTES))
