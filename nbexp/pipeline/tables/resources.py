"""``[stages.NAME.resources]``: what one variant needs while it runs."""

from __future__ import annotations

from typing import Any

from nbexp.errors import suggest
from nbexp.pipeline.spaces import is_finite
from nbexp.pipeline.spec import Resources
from nbexp.pipeline.tables._base import Context, Key, Table, Type
from nbexp.pipeline.tables._types import MEMORY, read_table


def read_resources(value: Any, where: str, context: Context) -> Resources:
    """Return what a variant needs; keys other than Ray's own are custom resources."""
    table = read_table(value, where, context)
    custom = {}
    for key, amount in table.items():
        if key in RESOURCES.names:
            continue
        if suggest(key.lower(), RESOURCES.names, cutoff=0.75):
            context.problems.unknown(f"{where}.{key}", key, RESOURCES.names, "resource")
        elif (read := _read_amount(amount, f"{where}.{key}", context)) is not None:
            custom[key] = read
    own = RESOURCES.read(table, where, context)
    cpu, gpu = (1.0 if own["cpu"] is None else own["cpu"]), own["gpu"] or 0.0
    return Resources(cpu, gpu, own["memory"], tuple(sorted(custom.items())))


def _read_amount(value: Any, where: str, context: Context) -> float | None:
    if is_finite(value) and value >= 0:
        return float(value)
    example = f"{where.rpartition('.')[2]} = 1"
    context.problems.expect(where, value, "a number of at least 0", example)
    return None


def _read_gpus(value: Any, where: str, context: Context) -> float | None:
    amount = _read_amount(value, where, context)
    if amount is not None and amount > 1 and amount != int(amount):
        form = "a whole number of GPUs, or a part of one"
        context.problems.expect(where, value, form, "gpu = 0.5")
        return None
    return amount


_AMOUNT = {"type": "number", "minimum": 0}

RESOURCES = Table(
    "[stages.NAME.resources]",
    (
        Key(
            "cpu",
            Type(_read_amount, _AMOUNT),
            "cores; a fraction shares one, `0` asks for none",
            default=1,
        ),
        Key(
            "gpu",
            Type(_read_gpus, _AMOUNT),
            "GPUs: a part of one, such as `0.5`, or a whole number",
            default=0,
        ),
        Key(
            "memory",
            MEMORY,
            "bytes, or a text in `B`, `KB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB` or `TiB`, such "
            'as `"4GiB"`',
            default_text="left to Ray",
        ),
    ),
    others="amount of a custom Ray resource of that name",
)
