from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipelines import pipeline_of, run_all, write_template

from nbexp.pipeline import Pipeline
from nbexp.plan import Graph, Node, Variant
from nbexp.plan.variants import short

PREPARE = {"params": {"x": {"grid": [1, 2, 3]}}}
TRAIN = {"params": {"data": "@prepare.out", "hidden": {"grid": [8, 16, 32, 64]}}}
EVALUATE = {"params": {"data": "@prepare.out", "model": "@train.out"}}


def variants_of(graph: Graph, stage: str) -> list[Variant]:
    return [node.variant for node in graph.nodes_of(stage)]


def test_diamond_never_mixes_lineages(tmp_path: Path) -> None:
    spec = pipeline_of(tmp_path, {"prepare": PREPARE, "train": TRAIN, "evaluate": EVALUATE})
    graph = Graph(spec)
    prepares, trains = variants_of(graph, "prepare"), variants_of(graph, "train")
    evaluates = variants_of(graph, "evaluate")

    assert (len(prepares), len(trains), len(evaluates)) == (3, 12, 12)
    by_name = {train.name: train for train in trains}
    pairs = {(e.upstream["prepare"], e.upstream["train"]) for e in evaluates}
    assert pairs == {(train.lineage["prepare"], train.name) for train in trains}
    for evaluate in evaluates:
        assert dict(evaluate.lineage) == {
            "prepare": by_name[evaluate.upstream["train"]].lineage["prepare"],
            "train": evaluate.upstream["train"],
        }


def test_reduce_keeps_the_lineage_of_the_best(tmp_path: Path) -> None:
    train = {**TRAIN, "metric": "out", "reduce": {"keep": 2}}
    spec = pipeline_of(tmp_path, {"prepare": PREPARE, "train": train, "evaluate": EVALUATE})
    graph = Graph(spec)
    assert not graph.is_expanded("evaluate")

    scores = {(3, 8): 0.9, (1, 64): 0.8}

    def scraps(node: Node) -> dict[str, Any]:
        choices = {**node.variant.option.choices, **node.variant.inherited}
        if node.variant.stage != "train":
            return {"out": choices.get("x", 0)}
        return {"out": scores.get((choices["prepare.x"], choices["hidden"]), 0.1)}

    run_all(graph, scraps)

    found = [
        (node.variant.inherited["prepare.x"], node.variant.inherited["train.hidden"])
        for node in graph.nodes_of("evaluate")
    ]
    assert sorted(found) == [(1, 64), (3, 8)]
    names = {name: node.variant for name, node in graph.nodes.items()}
    for node in graph.nodes_of("evaluate"):
        upstream = node.variant.upstream
        assert upstream["prepare"] == names[upstream["train"]].lineage["prepare"]
    assert graph.has_ended


def test_gathers_do_not_multiply_and_keep_to_the_lineage(tmp_path: Path) -> None:
    compare = {"params": {"data": "@prepare.out", "others": "@train[all].out"}}
    total = {"params": {"others": "@train[*]"}}
    stages = {"prepare": PREPARE, "train": TRAIN, "compare": compare, "total": total}
    graph = Graph(pipeline_of(tmp_path, stages))

    order = run_all(graph, lambda node: {"out": node.variant.name})

    assert len(graph.nodes_of("compare")) == 3
    assert len(graph.nodes_of("total")) == 1
    for node in graph.nodes_of("compare"):
        assert node.result is not None
        siblings = [
            train.name
            for train in variants_of(graph, "train")
            if train.lineage["prepare"] == node.variant.upstream["prepare"]
        ]
        assert node.result.resolved.params["others"] == siblings
        assert len(siblings) == 4
    (total_node,) = graph.nodes_of("total")
    assert total_node.result is not None
    records = total_node.result.resolved.params["others"]
    assert [record["variant"] for record in records] == [
        train.name for train in variants_of(graph, "train")
    ]
    assert order[-1].variant.stage in ("compare", "total")


def test_stage_that_links_to_one_variant_gathers_its_siblings_too(tmp_path: Path) -> None:
    compare = {"params": {"model": "@train.out", "others": "@train[all].out"}}
    graph = Graph(pipeline_of(tmp_path, {"prepare": PREPARE, "train": TRAIN, "compare": compare}))
    run_all(graph, lambda node: {"out": node.variant.name})
    assert len(graph.nodes_of("compare")) == 12
    for node in graph.nodes_of("compare"):
        assert node.result is not None
        params = node.result.resolved.params
        assert len(params["others"]) == 4
        assert params["model"] in params["others"]


def test_names_do_not_depend_on_the_other_values(tmp_path: Path) -> None:
    stages = {"prepare": PREPARE, "train": TRAIN, "evaluate": EVALUATE}
    more = {
        "prepare": {"params": {"x": {"grid": [9, 1, 2, 3]}}},
        "train": {"params": {"hidden": {"grid": [128, 64, 32, 16, 8]}, "data": "@prepare.out"}},
        "evaluate": EVALUATE,
    }
    few, many = Graph(pipeline_of(tmp_path, stages)), Graph(pipeline_of(tmp_path, more))
    assert few.nodes.keys() < many.nodes.keys()
    for name, node in few.nodes.items():
        assert many.nodes[name].variant.option.params == node.variant.option.params
        assert many.nodes[name].variant.lineage == node.variant.lineage


def test_names_are_the_same_everywhere(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"prepare": {"params": {"x": 1}}}))
    assert list(graph.nodes) == ["prepare-ed3e1fa5"]


def test_templates_of_one_name_are_two_variants(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_template(tmp_path, f"{folder}/train.ipynb")
    stage = {"notebook": {"grid": ["a/train.ipynb", "b/train.ipynb"]}}
    graph = Graph(pipeline_of(tmp_path, {"train": stage}))
    assert [v.label for v in variants_of(graph, "train")] == [
        "notebook=a/train",
        "notebook=b/train",
    ]


def test_cases_may_link_to_different_stages(tmp_path: Path) -> None:
    stages = {
        "a": {"params": {"x": {"grid": [1, 2]}}},
        "b": {"params": {"x": {"grid": [1, 2, 3]}}},
        "c": {"variants": [{"data": "@a.out"}, {"data": "@b.out"}, {"data": 0}]},
        "d": {"params": {"model": "@c.out", "data": "@a.out"}},
    }
    graph = Graph(pipeline_of(tmp_path, stages))
    assert len(graph.nodes_of("c")) == 2 + 3 + 1
    # Those of c that descend from a meet their own a; the others, which don't, meet each.
    assert len(graph.nodes_of("d")) == 2 + (3 + 1) * 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.000123456, "0.0001235"),
        ("adam", "adam"),
        ([1, 2], "[1, 2]"),
        ({"name": "mlp", "layers": [8, 0.123456]}, "{name=mlp, layers=[8, 0.1235]}"),
    ],
)
def test_labels_are_short(value: Any, text: str) -> None:
    assert short(value) == text


def _random_stages(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    stages: dict[str, dict[str, Any]] = {}
    for number in range(draw(st.integers(1, 6))):
        earlier = list(stages)
        links = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=3)) if earlier else []
        size = draw(st.integers(1, 3))
        params: dict[str, Any] = {"x": {"grid": list(range(size))}}
        params |= {key: f"@{stage}.out" for key, stage in zip("yz", links, strict=False)}
        params |= {"others": [f"@{stage}.out" for stage in links[2:]]}
        stages[f"s{number}"] = {"params": params}
    return stages


def _joined(spec: Pipeline, stage: str, seen: dict[str, list[dict[str, int]]]) -> None:
    """Compute the natural join of a stage's upstream stages, by brute force."""
    own = range(len(spec.stages[stage].params["x"].values))
    upstream = [seen[name] for name in spec.stages[stage].upstream]
    rows = []
    for combination in itertools.product(*upstream):
        merged: dict[str, int] = {}
        agrees = True
        for row in combination:
            agrees = agrees and all(merged.get(key, value) == value for key, value in row.items())
            merged |= row
        rows += [{**merged, stage: number} for number in own] if agrees else []
    seen[stage] = rows


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_variants_are_the_join_of_their_lineages(tmp_path: Path, data: st.DataObject) -> None:
    spec = pipeline_of(tmp_path, data.draw(st.composite(_random_stages)()))
    graph = Graph(spec)
    seen: dict[str, list[dict[str, int]]] = {}
    for stage in spec.stages:
        _joined(spec, stage, seen)
        found = []
        for node in graph.nodes_of(stage):
            lineage = {**node.variant.lineage, stage: node.variant.name}
            found.append({s: graph.nodes[n].variant.option.params["x"] for s, n in lineage.items()})
            for upstream in node.variant.upstream.values():
                inner = graph.nodes[upstream].variant.lineage
                assert inner.items() <= node.variant.lineage.items()
        as_rows = [tuple(sorted(row.items())) for row in found]
        assert sorted(as_rows) == sorted(tuple(sorted(row.items())) for row in seen[stage])
