"""What variants logged, as a table for plots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbexp.errors import UsageError
from nbexp.metrics import METRICS, read_metrics

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("variant", "step", "name", "value")


def curves(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the numbers that variants logged, a row for each.

    Args:
        records: What a parameter holds that is linked to ``@STAGE[all]`` or ``@STAGE[*]``.

    Returns:
        Columns ``variant``, ``step``, ``name`` and ``value``; variants in the order of the records,
        each with its steps in order. A step that was trained again, since the variant went on from
        another one's snapshot, has the later value. Variants that logged nothing have no rows.

    Raises:
        UsageError: The records are something else.
    """
    import pandas as pd

    if isinstance(records, str | bytes | Mapping) or not isinstance(records, Iterable):
        raise UsageError(_message(f"got a {type(records).__name__}"))
    rows = [row for number, record in enumerate(records) for row in _rows(record, number)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"step": "int64", "value": "float64"})


def _rows(record: Any, number: int) -> list[tuple[str, int, str, float]]:
    if not isinstance(record, Mapping):
        raise UsageError(_message(f"item {number} is a {type(record).__name__}"))
    missing = [key for key in ("variant", "notebook") if not isinstance(record.get(key), str)]
    if missing:
        raise UsageError(_message(f"item {number} has no {' and no '.join(missing)}"))
    entries = read_metrics(Path(record["notebook"]).parent / METRICS)
    found = {(e.step, name): value for e in entries for name, value in e.values.items()}
    return [
        (record["variant"], step, name, value)
        for (step, name), value in sorted(found.items(), key=lambda item: item[0][0])
    ]


def _message(came: str) -> str:
    return (
        "nbexp.curves takes the records of a stage's variants, each with its variant and "
        f'notebook, but {came}. Link the parameter to them: variants = "@STAGE[all]".'
    )
