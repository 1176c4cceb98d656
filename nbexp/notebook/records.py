"""The records of variants that a stage gathers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbexp.errors import UsageError


def checked(records: Any, kinds: Mapping[str, type], *, caller: str) -> list[Mapping[str, Any]]:
    """Return records of variants as a list.

    Args:
        records: What a parameter holds that is linked to ``@STAGE[all]`` or ``@STAGE[*]``.
        kinds: What each record must have, by name.
        caller: The function that takes them, for messages.

    Raises:
        UsageError: They are something else.
    """
    if isinstance(records, str | bytes | Mapping) or not isinstance(records, Iterable):
        raise UsageError(_message(caller, kinds, f"got a {type(records).__name__}"))
    found = list(records)
    for number, record in enumerate(found):
        if not isinstance(record, Mapping):
            came = f"item {number} is a {type(record).__name__}"
            raise UsageError(_message(caller, kinds, came))
        missing = [name for name, kind in kinds.items() if not isinstance(record.get(name), kind)]
        if missing:
            came = f"item {number} has no {' and no '.join(missing)}"
            raise UsageError(_message(caller, kinds, came))
    return found


def _message(caller: str, names: Iterable[str], came: str) -> str:
    return (
        f"nbexp.{caller} takes the records of a stage's variants, each with its "
        f"{' and '.join(names)}, but {came}. Link the parameter to them: "
        'variants = "@STAGE[all]".'
    )
