"""How much each parameter of variants matters, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from nbexp import permutation_importance
from nbexp.errors import UsageError, did_you_mean
from nbexp.notebook.records import checked

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("param", "share", "error")


def importance(records: Iterable[Mapping[str, Any]], metric: str) -> pd.DataFrame:
    """Return how much each parameter matters for a metric, the most important first.

    It is the permutation importance in a random forest that learns the metric from the
    parameters (Breiman, Random Forests, 2001, section 10). At least 8 variants with a finite
    metric are needed; one in which it is missing, NaN or infinite takes no part.

    Args:
        records: What a parameter holds that is linked to ``@STAGE[all]`` or ``@STAGE[*]``.
        metric: Name of the metric among those of the records.

    Returns:
        Columns ``param`` (``optimizer.lr`` for one in a table), ``share`` (of the sum, from 0 to 1)
        and ``error`` (its standard deviation), a row for each parameter in which the variants
        differ; no rows where it can't be told. ``attrs["note"]`` of the table is a sentence on how
        far to trust it, or on why there are none.

    Raises:
        UsageError: The records are something else, or none of them has the metric.
    """
    import pandas as pd

    kinds = {"params": Mapping, "metrics": Mapping}
    variants = checked(records, kinds, caller="importance")
    known = dict.fromkeys(name for each in variants for name in each["metrics"])
    if variants and metric not in known:
        remedy = did_you_mean(metric, known)
        raise UsageError(f"nbexp.importance: no variant has the metric {metric!r}. {remedy}")
    params = pd.json_normalize([dict(each["params"]) for each in variants]).to_dict("list")
    varying = {str(name): values for name, values in params.items() if _varies(values)}
    rows, note = permutation_importance.importance(
        varying, [each["metrics"].get(metric) for each in variants]
    )
    renamed = [(row["param"], row["value"], row["error"]) for row in rows or ()]
    table = pd.DataFrame(renamed, columns=list(COLUMNS))
    table.attrs["note"] = note
    return table.astype({"share": "float64", "error": "float64"})


def _varies(column: Iterable[Any]) -> bool:
    return len({repr(value) for value in column}) > 1
