"""``[stages.NAME.reduce]``: which variants go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbexp.pipeline.spec import Score
from nbexp.pipeline.tables._base import Context, Key, Table, Type
from nbexp.pipeline.tables._types import is_positive


def read_reduce(value: Any, where: str, context: Context) -> tuple[int | float | None, Score]:
    """Return how many variants go on (None for all), and which reported value counts."""
    if value is None:
        return None, Score.LAST
    if not isinstance(value, Mapping):
        context.problems.expect(where, value, "a table", "reduce = { keep = 1 }")
        return None, Score.LAST
    read = REDUCE.read(value, where, context)
    return read["keep"], read["score"]


def _read_keep(value: Any, where: str, context: Context) -> int | float | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    form = "a whole number of at least 1, or a fraction between 0 and 1"
    if is_positive(value) and value == int(value):  # a float: how many, or all of them?
        remedy = f"Write keep = {int(value)} for the best {int(value)}; without reduce all go on."
        context.problems.add(where, f"expected {form}, got {value!r}", remedy)
    else:
        example = "keep = 1, or keep = 0.5 for the better half"
        context.problems.expect(where, value, form, example)
    return None


def _read_score(value: Any, where: str, context: Context) -> Score:
    if value in tuple(Score):
        return Score(value)
    context.problems.expect(where, value, "'best' or 'last'", 'score = "best"')
    return Score.LAST


_COUNT = {"type": "integer", "minimum": 1}
_FRACTION = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}

REDUCE = Table(
    "[stages.NAME.reduce]",
    (
        Key(
            "keep",
            Type(_read_keep, {"anyOf": [_COUNT, _FRACTION]}),
            "how many variants go on, best first, of all that finished: a whole number such as "
            "`1`, or a fraction of them such as `0.5`, rounded up. Pruned ones take part, "
            "failed ones are left out, missing values and NaN rank last, ties keep the order of "
            "the variants. What is dropped starts nothing.",
            default_text="required",
        ),
        Key(
            "score",
            Type(_read_score, {"enum": list(Score)}),
            'which value of the metric counts: `"last"` is what the notebook glued, or else logged '
            'last; `"best"` is the best of all that it glued or logged, in MLflow\'s runs too',
            default="last",
        ),
    ),
    required=("keep",),
)
