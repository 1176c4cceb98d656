"""Parameters of a stage: the keys ``params`` and ``variants``."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Any

from nbexp.pipeline.spaces import KINDS
from nbexp.pipeline.tables._base import Context, Type
from nbexp.pipeline.tables._types import read_table


def _read_params(value: Any, where: str, context: Context) -> dict[str, Any]:
    """Return the values of a table of parameters."""
    table = read_table(value, where, context)
    names = {key for key in table if str(key).isidentifier() and not keyword.iskeyword(str(key))}
    for key in table.keys() - names:
        remedy = "Use letters, digits and _, as for a variable."
        context.problems.add(f"{where}.{key}", f"{key!r} can't name a parameter", remedy)
    return {k: context.read_value(v, f"{where}.{k}") for k, v in table.items() if k in names}


def _read_cases(value: Any, where: str, context: Context) -> tuple[dict[str, Any], ...]:
    """Return the explicit cases of a stage."""
    if value is None:
        return ()
    is_list = isinstance(value, list | tuple)
    if not is_list or not value or not all(isinstance(case, Mapping) for case in value):
        context.problems.expect(where, value, "a list of tables", "variants = [{ lr = 0.1 }]")
        return ()
    for i, case in enumerate(value):
        if repr(case) in map(repr, value[:i]):
            message = "this case stands in the list twice"
            context.problems.add(f"{where}[{i}]", message, "Remove one of them.")
    return tuple(_read_params(case, f"{where}[{i}]", context) for i, case in enumerate(value))


def _space(kind: str) -> dict[str, Any]:
    if kind in ("grid", "choice"):
        arguments: dict[str, Any] = {"type": "array", "minItems": 1}
        signature = "values"
    else:
        arity, signature = KINDS[kind].arity, KINDS[kind].signature
        arguments = {"type": "array", "minItems": arity, "maxItems": arity}
        arguments["items"] = {"type": "number"}
    return {**arguments, "description": f"{kind} = [{signature}]"}


VALUE_DEFINITION = {
    "description": "Text, a number, a boolean, a list or a table; a link such as "
    '"@stage.scrap", a search space such as { grid = [1, 2] }, or { secret = "NAME" }.',
    "type": ["string", "number", "boolean", "array", "object"],
    "properties": {kind: {} for kind in ("grid", *KINDS)},
    "if": {"type": "object", "minProperties": 1, "maxProperties": 1},
    "then": {"properties": {kind: _space(kind) for kind in ("grid", *KINDS)}},
}
VALUE = {"$ref": "#/$defs/value"}
_TABLE = {"type": "object", "additionalProperties": VALUE}

PARAMS = Type(_read_params, _TABLE)
CASES = Type(_read_cases, {"type": "array", "items": _TABLE, "minItems": 1})
