"""Earlier durations count where code and parameters are alike, and only there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pipelines import pipeline_of, took_of, write_template

from nbexp.plan import Graph, Seconds, Took, make_plan

Earlier = Sequence[tuple[float, dict[str, Any]]]


def work_of(folder: Path, params: Any, earlier: Earlier, **more: Any) -> Seconds | None:
    """Return how long a stage with some parameters is expected to take."""
    spec = pipeline_of(folder, {"a": {"params": params, **more}})
    took = [took_of(spec, "a", seconds, **each) for seconds, each in earlier]
    return make_plan(Graph(spec), lambda _: {}, lambda _: took).stages[0].work


def x(*values: Any) -> dict[str, Any]:
    return {"x": {"grid": list(values)}}


@pytest.mark.parametrize(
    ("params", "earlier", "expected"),
    [
        # The same, or nearly so.
        ({"x": 100}, [(20.0, {"x": 100})], (20.0, 20.0, 20.0)),
        ({"x": 120}, [(20.0, {"x": 100}), (22.0, {"x": 100})], (21.0, 21.0, 21.0)),
        ({}, [(20.0, {})], (20.0, 20.0, 20.0)),
        ({"x": "a"}, [(20.0, {"x": "a"})], (20.0, 20.0, 20.0)),
        # Another size, value or name.
        ({"x": 100}, [(2.0, {"x": 1})], None),
        ({"x": 1}, [(200.0, {"x": 100})], None),
        ({"options": {"x": 100}}, [(2.0, {"options": {"x": 1}})], None),
        ({"x": [64, 64]}, [(2.0, {"x": [64]})], None),
        ({"x": "b"}, [(2.0, {"x": "a"})], None),
        ({"x": True}, [(2.0, {"x": 1})], None),
        ({"x": 10**400}, [(2.0, {"x": 1})], None),
        ({"x": 1, "y": 1}, [(2.0, {"x": 1})], None),
        ({"x": 1}, [(2.0, {"x": 1, "y": 100})], None),
        (x(1, 100), [(2.0, {"x": 1})], None),
        # Where a parameter matters, between what has been; the range tells.
        ({"x": 50}, [(2.0, {"x": 1}), (100.0, {"x": 100})], (2.0, 51.0, 100.0)),
        ({"x": 1}, [(2.0, {"x": 1}), (3.0, {"x": 1}), (100.0, {"x": 100})], (2.5, 2.5, 2.5)),
        ({"x": 200}, [(2.0, {"x": 1}), (100.0, {"x": 100})], None),
        # Where it made no difference, as far beyond again.
        (x(3, 4, 5), [(9.0, {"x": 1}), (11.0, {"x": 3})], (30.0, 30.0, 30.0)),
        ({"x": 100}, [(9.0, {"x": 1}), (11.0, {"x": 3})], None),
        ({"x": "c"}, [(9.0, {"x": "a"}), (11.0, {"x": "b"})], (10.0, 10.0, 10.0)),
        ({"x": 1e-4}, [(9.0, {"x": 0.1}), (11.0, {"x": 0.01})], (10.0, 10.0, 10.0)),
    ],
)
def test_estimate_is_of_what_is_alike(
    tmp_path: Path, params: Any, earlier: Earlier, expected: tuple[float, ...] | None
) -> None:
    assert work_of(tmp_path, params, earlier) == (expected and Seconds(*expected))


@pytest.mark.parametrize(("highest", "is_known"), [(40, True), (4000, False)])
def test_a_search_is_compared_by_its_space(tmp_path: Path, highest: int, is_known: bool) -> None:
    space = {"x": {"randint": [1, highest]}}
    earlier = [(2.0, {"x": 2}), (30.0, {"x": 30})]
    search = {"algorithm": "optuna", "samples": 10}
    work = work_of(tmp_path, space, earlier, search=search, metric="m")
    assert work == (Seconds(20.0, 160.0, 300.0) if is_known else None)


def test_earlier_code_tells_nothing(tmp_path: Path) -> None:
    spec = pipeline_of(tmp_path, {"a": {"params": {"x": 1}}})
    took = took_of(spec, "a", 20.0, x=1)
    write_template(tmp_path, "any.ipynb", "changed = 1")
    changed = pipeline_of(tmp_path, {"a": {"params": {"x": 1}}})

    def work(*known: Took) -> Seconds | None:
        return make_plan(Graph(changed), lambda _: {}, lambda _: known).stages[0].work

    assert work(took) is None
    assert work(took, took_of(changed, "a", 2.0, x=1)) == Seconds(2.0, 2.0, 2.0)
