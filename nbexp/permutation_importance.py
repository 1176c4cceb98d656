"""Which parameters matter for a metric, as a random forest sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_LEAST = 8  # variants; with fewer, anything could be read from them
_MOST = 1_000  # variants, of more a sample: each is predicted anew for every parameter and shuffle
_REPEATS = 10
_TREES = 200


def importance(
    params: Mapping[str, Sequence[Any]], metric: Sequence[float | None]
) -> tuple[list[dict[str, Any]] | None, str]:
    """Return how much each parameter matters, the most important first, and a note.

    A random forest learns the metric from the parameters; a parameter matters as much as the
    forest's error grows when the parameter's values are shuffled among the variants (permutation
    importance; Breiman, Random Forests, 2001, section 10). Values are shares of the sum.

    Args:
        params: The values of each parameter that varies, a variant after another.
        metric: The metric of each variant, or None.

    Returns:
        For each parameter a table of ``param``, ``value`` and ``error`` (a standard deviation),
        or None where it can't be told; and a sentence on how far to trust it.
    """
    rows = [row for row, value in enumerate(metric) if value is not None and math.isfinite(value)]
    if not params:
        return None, "There is no parameter in which the variants differ."
    if len(rows) < _LEAST:
        return None, f"At least {_LEAST} variants with a metric are needed; there are {len(rows)}."
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    features = np.array([_encoded([column[row] for row in rows]) for column in params.values()]).T
    target = np.array([metric[row] for row in rows], dtype=float)
    order = np.lexsort([*features.T, target])  # so that the order of the variants says nothing
    order = np.random.default_rng(0).permutation(order)[:_MOST] if len(rows) > _MOST else order
    features, target = features[order], target[order]
    if np.ptp(target) == 0.0:
        return None, "The metric is the same for all variants."
    forest = RandomForestRegressor(_TREES, oob_score=True, random_state=0).fit(features, target)
    found = permutation_importance(forest, features, target, n_repeats=_REPEATS, random_state=0)
    total = float(np.clip(found.importances_mean, 0.0, None).sum()) or 1.0
    shares = zip(params, found.importances_mean, found.importances_std, strict=True)
    table = [
        {"param": name, "value": max(0.0, float(mean)) / total, "error": float(std) / total}
        for name, mean, std in shares
    ]
    return sorted(table, key=lambda each: -each["value"]), _note(
        len(target), len(rows), forest.oob_score_
    )


def _encoded(values: Sequence[Any]) -> list[float]:
    """Return numbers as they are, on a logarithmic scale where they span decades; else codes."""
    is_number = all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    )
    if is_number:
        is_wide = min(values) > 0 and max(values) / min(values) > 100
        return [math.log(value) if is_wide else float(value) for value in values]
    codes = {text: float(code) for code, text in enumerate(sorted({repr(v) for v in values}))}
    return [codes[repr(value)] for value in values]


def _note(count: int, all_count: int, score: float) -> str:
    part = f" of {all_count:,}" if count < all_count else ""
    trust = "well" if score > 0.5 else "poorly" if score > 0.0 else "not at all"
    return (
        f"From {count}{part} variants, by a random forest that predicts those it has not seen "
        f"{trust} (R² {score:.2f}). "
        "Bars are shares; whiskers, one standard deviation over shuffles."
    )
