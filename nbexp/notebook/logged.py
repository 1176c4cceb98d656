"""What variants logged, as a table for plots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbexp.metrics import read_metrics
from nbexp.notebook.records import checked
from nbexp.runs.variant_folder import VariantFolder

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

    variants = checked(records, {"variant": str, "notebook": str}, caller="curves")
    rows = [row for record in variants for row in _rows(record)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"step": "int64", "value": "float64"})


def _rows(record: Mapping[str, Any]) -> list[tuple[str, int, str, float]]:
    entries = read_metrics(VariantFolder(Path(record["notebook"]).parent).metrics)
    found = {(e.step, name): value for e in entries for name, value in e.values.items()}
    return [
        (record["variant"], step, name, value)
        for (step, name), value in sorted(found.items(), key=lambda item: item[0][0])
    ]
