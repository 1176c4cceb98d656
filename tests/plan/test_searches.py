"""Stages whose variants come one by one: suggested by a search, or added by a person."""

import time
from pathlib import Path

import pytest
from pipelines import finish, pipeline_of, run_all

from nbexp.plan import Addition, Graph, Node
from nbexp.states import State

SPACE = {"loguniform": [1e-4, 1e-1]}


def search_of(samples: int = 3, **params) -> dict:
    search = {"algorithm": "optuna", "samples": samples}
    return {"params": {"lr": SPACE, **params}, "search": search, "metric": "out"}


def names(nodes: list[Node]) -> list[str]:
    return [node.variant.name for node in nodes]


def test_search_begins_once_its_upstream_is_done(tmp_path: Path) -> None:
    train = search_of(data="@a.out")
    graph = Graph(pipeline_of(tmp_path, {"a": {"params": {"x": {"grid": [1, 2]}}}, "train": train}))
    first, second = graph.take_ready()
    assert graph.take_searches() == []
    finish(graph, first, out=1)
    (search,) = graph.take_searches()
    assert dict(search.node.variant.upstream) == {"a": first.variant.name}
    node = graph.suggest(search, {"lr": 0.01})
    assert graph.take_ready() == [node]
    assert graph.resolve(node.variant).params == {"lr": 0.01, "data": 1}
    assert node.variant.label == "lr=0.01 a.x=1"
    finish(graph, second, out=2)
    assert len(graph.take_searches()) == 1


def test_each_grid_point_and_each_upstream_variant_has_a_search_of_its_own(tmp_path: Path) -> None:
    a = {"params": {"x": {"grid": [1, 2]}}}
    train = search_of(hidden={"grid": [32, 64, 128]}, data="@a.out")
    graph = Graph(pipeline_of(tmp_path, {"a": a, "train": train}))
    for node in graph.take_ready():
        finish(graph, node, out=1)
    searches = graph.take_searches()
    assert len({search.name for search in searches}) == 6
    assert all(list(search.point.space) == ["lr"] for search in searches)


def test_stage_ends_once_its_searches_are_closed_and_gathers_wait_for_it(tmp_path: Path) -> None:
    compare = {"params": {"others": "@train[all].out"}}
    graph = Graph(pipeline_of(tmp_path, {"train": search_of(), "compare": compare}))
    (search,) = graph.take_searches()
    for value in (0.1, 0.01):
        node = graph.suggest(search, {"lr": value})
        graph.take_ready()
        finish(graph, node, out=value)
    assert graph.take_ready() == []
    assert not graph.has_ended
    graph.close_search(search)
    (gathering,) = graph.take_ready()
    assert graph.resolve(gathering.variant).params == {"others": [0.1, 0.01]}


def test_what_is_suggested_starts_what_follows_it(tmp_path: Path) -> None:
    stages = {"train": search_of(), "test": {"params": {"model": "@train.out"}}}
    graph = Graph(pipeline_of(tmp_path, stages))
    (search,) = graph.take_searches()
    for value in (0.1, 0.01):
        node = graph.suggest(search, {"lr": value})
        assert graph.take_ready() == [node]
        finish(graph, node, out=value)
        (follower,) = graph.take_ready()
        assert follower.variant.upstream == {"train": node.variant.name}
        finish(graph, follower, out=1)
    assert graph.take_ended() == []
    graph.close_search(search)
    assert graph.take_ended() == ["train", "test"]
    assert graph.has_ended


def test_reduce_waits_for_all_suggestions(tmp_path: Path) -> None:
    train = {**search_of(), "reduce": {"keep": 0.5}}
    graph = Graph(
        pipeline_of(tmp_path, {"train": train, "test": {"params": {"model": "@train.out"}}})
    )
    (search,) = graph.take_searches()
    nodes = []
    for value in (0.1, 0.3, 0.2):
        nodes.append(graph.suggest(search, {"lr": value}))
        graph.take_ready()
        finish(graph, nodes[-1], out=value)
    graph.close_search(search)
    assert names(graph.kept("train")) == names([nodes[1], nodes[2]])
    assert len(graph.take_ready()) == 2


def test_value_suggested_twice_is_one_variant(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"train": search_of()}))
    (search,) = graph.take_searches()
    first = graph.suggest(search, {"lr": 0.1})
    assert graph.suggest(search, {"lr": 0.1}) is first
    assert len(search.suggested) == 2
    assert len(graph.nodes) == 1


def test_time_of_a_suggestion_does_not_grow_with_their_number(tmp_path: Path) -> None:
    test = {"params": {"model": "@train.out", "x": {"grid": [1, 2]}}}
    fit = search_of(5, model="@train.out")
    graph = Graph(pipeline_of(tmp_path, {"train": search_of(), "test": test, "fit": fit}))
    (search,) = graph.take_searches()
    began = time.process_time()
    for number in range(1000):
        graph.suggest(search, {"lr": number / 1000})
    assert time.process_time() - began < 2
    assert len(graph.nodes_of("test")) == 2000
    for node in graph.take_ready():
        finish(graph, node, out=1)
    assert len(graph.take_searches()) == 1000


def test_variants_whose_short_names_are_the_same_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbexp.plan.variants._DIGITS", 1)
    stages = {"train": search_of(), "test": {"params": {"model": "@train.out"}}}
    graph = Graph(pipeline_of(tmp_path, stages))
    (search,) = graph.take_searches()
    values = [number / 10 for number in range(10)]
    nodes = [graph.suggest(search, {"lr": value}) for value in values]
    assert [node.variant.option.params["lr"] for node in nodes] == values
    assert len(graph.nodes_of("test")) == 10
    assert [graph.suggest(search, {"lr": value}) for value in values] == nodes


def test_search_whose_upstream_failed_is_skipped(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"a": {}, "train": search_of(data="@a.out")}))
    graph.end(graph.take_ready()[0].variant.name, State.FAILED)
    assert graph.take_searches() == []
    assert graph.has_ended
    assert graph.take_ended() == ["a", "train"]


def test_samples_are_added_to_a_stage_of_draws(tmp_path: Path) -> None:
    stage = {"params": {"lr": SPACE, "hidden": {"grid": [1, 2]}}, "search": {"samples": 2}}
    spec = pipeline_of(tmp_path, {"train": stage})
    graph = Graph(spec)
    assert len(graph.take_ready()) == 4
    assert graph.add("train", {}, 2) == Addition(4)
    assert len(graph.take_ready()) == 4
    more = {**stage, "search": {"samples": 4}}
    assert set(graph.nodes) == set(Graph(pipeline_of(tmp_path, {"train": more})).nodes)


def test_samples_are_added_to_searches(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"train": search_of(3)}))
    (search,) = graph.take_searches()
    assert graph.add("train", {}, 5) == Addition(5)
    assert search.samples == 8


@pytest.mark.parametrize("algorithm", ["random", "optuna"])
def test_value_is_added_and_what_follows_grows_with_it(tmp_path: Path, algorithm: str) -> None:
    train = search_of(2, hidden={"grid": [1, 2]})
    train["search"]["algorithm"] = algorithm
    stages = {"train": train, "test": {"params": {"model": "@train.out"}}}
    graph = Graph(pipeline_of(tmp_path, stages))
    before = len(graph.take_ready())
    assert graph.add("train", {"lr": 0.5}, None) == Addition(2)
    added = graph.take_ready()
    assert [node.variant.option.params["lr"] for node in added] == [0.5, 0.5]
    assert {node.variant.option.params["hidden"] for node in added} == {1, 2}
    assert len(graph.nodes_of("test")) == before + 2
    assert graph.add("train", {"lr": 0.5}, None) == Addition(0)


def test_samples_added_to_a_search_that_is_closed_open_it_again(tmp_path: Path) -> None:
    graph = Graph(pipeline_of(tmp_path, {"train": search_of(1, hidden={"grid": [1, 2]})}))
    first, second = graph.take_searches()
    finish(graph, graph.suggest(first, {"lr": 0.1}), out=1)
    graph.close_search(first)
    assert graph.add("train", {}, 2) == Addition(4)
    assert (first.node.state, first.samples, second.samples) == (State.PENDING, 3, 3)
    graph.close_search(second)
    assert not graph.has_ended
    graph.close_search(first)
    assert graph.has_ended


def test_nothing_is_added_to_a_search_that_gave_up_or_lacks_what_it_links_to(
    tmp_path: Path,
) -> None:
    stages = {"a": {"params": {"x": {"grid": [1, 2, 3]}}}, "train": search_of(2, data="@a.out")}
    graph = Graph(pipeline_of(tmp_path, stages))
    first, second, _ = graph.take_ready()
    graph.end(first.variant.name, State.FAILED)
    finish(graph, second, out=1)
    (search,) = graph.take_searches()
    graph.close_search(search)
    assert graph.add("train", {}, 4) == Addition(4)  # of the search that has not begun


@pytest.mark.parametrize("algorithm", ["random", "optuna"])
@pytest.mark.parametrize(("over", "samples"), [({}, 2), ({"lr": 0.5}, None)])
def test_variants_added_before_their_stage_can_expand_come_later(
    tmp_path: Path, algorithm: str, over: dict, samples: int | None
) -> None:
    a = {"params": {"x": {"grid": [1, 2]}}, "metric": "out", "reduce": {"keep": 1}}
    train = search_of(1, data="@a.out")
    train["search"]["algorithm"] = algorithm
    graph = Graph(pipeline_of(tmp_path, {"a": a, "train": train}))
    assert graph.add("train", over, samples) == Addition(0, ("a",))
    assert graph.nodes_of("train") == []
    if over:
        assert graph.add("train", over, samples) == Addition(0)
    for number, node in enumerate(graph.take_ready()):
        finish(graph, node, out=number)
    planned = sum(search.samples for search in graph.take_searches())
    assert len(graph.nodes_of("train")) + planned == 1 + (samples or 1)


def test_variants_added_after_a_search_follow_each_of_its_suggestions(tmp_path: Path) -> None:
    stages = {"train": search_of(), "test": {"params": {"model": "@train.out", "x": 1}}}
    graph = Graph(pipeline_of(tmp_path, stages))
    (search,) = graph.take_searches()
    graph.suggest(search, {"lr": 0.1})
    assert graph.add("test", {"x": 2}, None) == Addition(1, ("train",))
    graph.suggest(search, {"lr": 0.2})
    assert len(graph.nodes_of("test")) == 4


def test_stage_that_grew_is_run_to_its_end(tmp_path: Path) -> None:
    stages = {"train": {"params": {"lr": SPACE}}, "test": {"params": {"model": "@train.out"}}}
    graph = Graph(pipeline_of(tmp_path, stages))
    graph.add("train", {"lr": 0.5}, None)
    run_all(graph, lambda _: {"out": 1})
    assert graph.has_ended
    assert [node.state for node in graph.nodes.values()] == [State.FINISHED] * 4
