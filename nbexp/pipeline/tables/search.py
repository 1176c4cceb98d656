"""``[stages.NAME.search]``: how values are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbexp.pipeline.links import Link
from nbexp.pipeline.spaces import Distribution, Grid
from nbexp.pipeline.spec import SearchSpec
from nbexp.pipeline.tables._base import Context, Key, Table
from nbexp.pipeline.tables._choices import Choice
from nbexp.pipeline.tables._types import FLAG, count_of_at_least
from nbexp.pipeline.values import Secret

ALGORITHMS = Choice(
    "search algorithm",
    ("random", "optuna", "hyperopt", "bayesopt", "bohb"),
    "Searcher",
    "a plain value (search spaces stand among the stage's params)",
    Link | Secret | Grid | Distribution,
)


def read_search(value: Any, where: str, context: Context) -> SearchSpec:
    """Return how values are chosen; keys that are not ours are options of the algorithm."""
    if value is None:
        return SearchSpec()
    if not isinstance(value, Mapping):
        example = 'search = { algorithm = "optuna", samples = 20 }'
        context.problems.expect(where, value, "a table", example)
        return SearchSpec()
    read = SEARCH.read(value, where, context)
    algorithm, samples, is_warm = read["algorithm"], read["samples"] or 1, read["warm_start"]
    if algorithm == "random":
        SEARCH.check_keys(value, where, context.problems)
        if is_warm:
            message = "independent draws learn nothing from earlier runs"
            remedy = 'Leave it out, or choose an algorithm that learns: algorithm = "optuna".'
            context.problems.add(f"{where}.warm_start", message, remedy)
        return SearchSpec("random", samples, read["concurrent"] or 4)
    options = ALGORITHMS.read_options(value, SEARCH.names, where, context)
    if not algorithm:
        return SearchSpec()
    return SearchSpec(algorithm, samples, read["concurrent"] or 4, is_warm, options)


_NUMBER = count_of_at_least(1)

SEARCH = Table(
    "[stages.NAME.search]",
    (
        Key(
            "algorithm",
            ALGORITHMS.type,
            "how values are chosen: [one of these](#searches), or the import path of a Tune "
            "`Searcher`",
            default="random",
        ),
        Key(
            "samples",
            _NUMBER,
            "draws or suggestions for each grid point, template and case; more than one needs a "
            "distribution",
            default=1,
        ),
        Key(
            "concurrent",
            _NUMBER,
            "suggestion number n is made once the results of all up to n - `concurrent` are known; "
            "of no meaning for `random`",
            default=4,
        ),
        Key(
            "warm_start",
            FLAG,
            "whether the algorithm is told first what earlier runs of the stage found; not for "
            "`random`",
            default=False,
        ),
    ),
    others="a setting of the algorithm itself; `random` has none",
)
