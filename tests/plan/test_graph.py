from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pipelines import finish, pipeline_of, run_all

from nbexp.metrics import Reported
from nbexp.pipeline import Mode, Score
from nbexp.plan import Graph, Node, best, metric_value, stages_needed
from nbexp.plan.reduce import count_kept
from nbexp.runs.outcome import Outcome
from nbexp.states import State

A = {"params": {"x": {"grid": [1, 2]}}}
B = {"params": {"data": "@a.out"}}
C = {"params": {"model": "@b.out"}}


def states(graph: Graph, stage: str) -> list[State]:
    return [node.state for node in graph.nodes_of(stage)]


def test_variant_starts_as_soon_as_its_own_upstream_is_done(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"a": A, "b": B, "c": C}))
    first, second = graph.take_ready()
    assert [first.variant.stage, second.variant.stage] == ["a", "a"]
    finish(graph, first, out=1)
    (follower,) = graph.take_ready()
    assert follower.variant.upstream == {"a": first.variant.name}
    finish(graph, follower, out=1)
    assert [node.variant.stage for node in graph.take_ready()] == ["c"]
    assert second.state is State.PENDING


@pytest.mark.parametrize("state", [State.FAILED, State.TIMED_OUT, State.STOPPED])
def test_failed_variant_skips_its_descendants_alone(tmp_path: Path, state: State) -> None:
    graph = Graph(pipeline_of(tmp_path, {"a": A, "b": B, "c": C, "d": A}))
    first = graph.take_ready()[0]
    graph.end(first.variant.name, state)
    skipped = graph.take_skipped()
    assert [node.variant.stage for node in skipped] == ["b", "c"]
    assert skipped[0].reason.startswith(first.variant.name)
    assert skipped[1].reason == f"{skipped[0].variant.name} was skipped"
    assert states(graph, "b") == [State.SKIPPED, State.PENDING]
    assert states(graph, "d") == [State.PENDING, State.PENDING]


def test_stage_after_another_waits_for_all_of_it(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"a": A, "b": {"after": ["a"]}}))
    first, second = graph.take_ready()
    finish(graph, first)
    assert graph.take_ready() == []
    graph.end(second.variant.name, State.FAILED)
    assert [node.variant.stage for node in graph.take_ready()] == ["b"]


def test_stage_after_one_that_failed_wholly_is_skipped(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"a": A, "b": {"after": ["a"]}}))
    for node in graph.take_ready():
        graph.end(node.variant.name, State.FAILED)
    assert [node.reason for node in graph.take_skipped()] == ["no variant of a finished"]
    assert graph.has_ended


def test_stage_after_one_that_never_came_to_be_is_skipped(tmp_path: Path) -> None:
    stages = {"a": {**A, "metric": "m", "reduce": {"keep": 1}}, "b": B, "c": {"after": ["b"]}}
    graph = Graph(pipeline_of(tmp_path, stages))
    for node in graph.take_ready():
        graph.end(node.variant.name, State.FAILED)
    assert graph.nodes_of("b") == []
    assert states(graph, "c") == [State.SKIPPED]
    assert graph.has_ended


def test_gather_waits_for_all_and_takes_those_that_finished(tmp_path: Path) -> None:
    stages = {"a": A, "b": {"params": {"others": "@a[all].out"}}}
    graph = Graph(pipeline_of(tmp_path, stages))
    first, second = graph.take_ready()
    graph.end(first.variant.name, State.FAILED)
    finish(graph, second, out="two")
    (node,) = graph.take_ready()
    assert graph.resolve(node.variant).params["others"] == ["two"]


def test_gather_of_nothing_is_skipped(tmp_path: Path) -> None:
    stages = {"a": A, "b": {"params": {"others": "@a[*].out"}}, "c": C}
    graph = Graph(pipeline_of(tmp_path, stages))
    for node in graph.take_ready():
        graph.end(node.variant.name, State.FAILED)
    assert [n.reason for n in graph.take_skipped()][:1] == ["no variant of a finished"]
    assert states(graph, "c") == [State.SKIPPED]


def reduced(folder: Path, values: list[Any], *, keep: int, mode: str = "max") -> list[int]:
    """Return the places of the variants that reduce keeps, for the metrics of all."""
    grid = {"params": {"x": {"grid": list(range(len(values)))}}}
    stage = {**grid, "metric": "m", "mode": mode, "reduce": {"keep": keep}}
    spec = pipeline_of(folder, {"a": stage, "b": B, "gather": {"params": {"y": "@a[*].out"}}})
    graph = Graph(spec)
    for node in reversed(graph.take_ready()):
        place = node.variant.option.params["x"]
        if values[place] == "failed":
            graph.end(node.variant.name, State.FAILED)
        else:
            scraps = {} if values[place] == "missing" else {"m": values[place]}
            finish(graph, node, out=place, **scraps)
    kept = [node.variant.option.params["x"] for node in graph.kept("a")]
    assert [graph.nodes[n.variant.upstream["a"]].variant.option.params["x"]
            for n in graph.nodes_of("b")] == kept  # fmt: skip
    for node in graph.take_ready():
        if node.variant.stage == "gather":
            assert graph.resolve(node.variant).params["y"] == kept
    return kept


@pytest.mark.parametrize(
    ("values", "keep", "mode", "kept"),
    [
        ([0.1, 0.3, 0.2], 2, "max", [1, 2]),
        ([0.1, 0.3, 0.2], 2, "min", [0, 2]),
        ([1, 1, 1], 2, "max", [0, 1]),
        (["missing", 0.1, math.nan], 2, "max", [1, 0]),
        (["missing", 0.1, math.nan], 2, "min", [1, 0]),
        (["failed", 0.1, 0.0], 3, "max", [1, 2]),
        ([math.inf, 0.1, -math.inf], 1, "max", [0]),
        ([math.inf, 0.1, -math.inf], 1, "min", [2]),
        (["0.9", 0.1, True], 1, "max", [1]),
        (["missing", "missing"], 1, "max", [0]),
        (["failed", "failed"], 1, "max", []),
    ],
)
def test_reduce(tmp_path: Path, values: list[Any], keep: int, mode: str, kept: list[int]) -> None:
    assert reduced(tmp_path, values, keep=keep, mode=mode) == kept


def test_best_and_metric() -> None:
    assert best([("a", None), ("b", 1.0), ("c", 2.0)], Mode.MAX) == ["c", "b", "a"]
    assert metric_value(None, "m") is None
    assert metric_value(outcome(m=1), None) is None
    assert metric_value(outcome(m=1), "m") == 1.0


def outcome(reported: dict[str, Reported] | None = None, **scraps: Any) -> Outcome:
    return Outcome("v", "k", State.FINISHED, 0, 1, scraps=scraps, reported=reported or {})


@pytest.mark.parametrize(
    ("score", "mode", "scraps", "expected"),
    [
        (Score.LAST, Mode.MAX, {}, 0.6),
        (Score.LAST, Mode.MAX, {"m": 0.5}, 0.5),
        (Score.BEST, Mode.MAX, {}, 0.8),
        (Score.BEST, Mode.MAX, {"m": 0.9}, 0.9),
        (Score.BEST, Mode.MIN, {"m": 0.9}, 0.1),
    ],
)
def test_score_of_a_reported_metric(
    score: Score, mode: Mode, scraps: dict[str, float], expected: float
) -> None:
    reported = {"m": Reported(last=0.6, step=4, least=0.1, most=0.8, count=5)}
    assert metric_value(outcome(reported, **scraps), "m", mode, score) == expected


@pytest.mark.parametrize(
    ("keep", "succeeded", "expected"),
    [(None, 9, None), (2, 9, 2), (0.5, 9, 5), (1 / 3, 9, 3), (0.1, 1, 1), (0.5, 0, 0)],
)
def test_fraction_of_variants_is_kept(
    keep: float | None, succeeded: int, expected: int | None
) -> None:
    assert count_kept(keep, succeeded) == expected


def test_abandoned_graph_starts_nothing_more(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"a": A, "b": B}))
    first = graph.take_ready()[0]
    finish(graph, first, out=1)
    pending = graph.abandon()
    assert len(pending) == 3
    assert all(node.state is State.STOPPED for node in pending)
    assert graph.take_ready() == []


def test_every_variant_and_stage_is_announced_once(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"a": A, "b": B, "c": C}))
    added: list[Node] = graph.take_added()
    run_all(graph, lambda _: {"out": 1})
    added += graph.take_added()
    assert [node.variant.name for node in added] == list(graph.nodes)
    assert graph.take_ended() == ["a", "b", "c"]
    assert graph.take_ended() == []
    assert graph.has_ended


def test_only_some_stages_take_part(tmp_path: Path) -> None:
    spec = pipeline_of(tmp_path, {"a": A, "b": B, "c": C, "d": {"after": ["a"]}})
    assert stages_needed(spec, ["b"]) == {"a", "b"}
    assert stages_needed(spec, ["d"]) == {"a", "d"}
    graph = Graph(spec, ["a", "b"])
    assert list(graph.stages) == ["a", "b"]
    run_all(graph, lambda _: {"out": 1})
    assert graph.has_ended
