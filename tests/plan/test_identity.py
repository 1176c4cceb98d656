"""What a variant's key depends on, and what it does not; the plan that looks it up."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipelines import finish, pipeline_of, took_of, write_template

from nbexp.errors import LinkError
from nbexp.plan import Graph, Result, differences, identify, make_plan
from nbexp.states import State

Project = Callable[[], str]


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def edit_notebook(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = folder / "any.ipynb"
    notebook = json.loads(path.read_text())
    change(notebook)
    path.write_text(json.dumps(notebook))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_template(tmp_path, "any.ipynb", "import helper\nhelper.go()")
    write(tmp_path, "helper.py", "import deeper\ndef go(): deeper.go()\n")
    write(tmp_path, "deeper.py", "def go(): pass\n")
    write(tmp_path, "table.csv", "1,2\n")
    write(tmp_path, "folder/a.txt", "a")
    return tmp_path


def parts_of(folder: Path, x: Any = 1, **changes: Any) -> tuple[str, dict[str, Any]]:
    stage = {"params": {"x": x}, "inputs": ["table.csv", "folder"], **changes.pop("stage", {})}
    more = {"environment": {"packages": ["click"], "variables": {"A": "1"}}, **changes}
    graph = Graph(pipeline_of(folder, {"a": stage}, **more))
    (node,) = graph.take_ready()
    identified = identify(graph, node)
    return identified.key, dict(identified.parts)


NOTHING: dict[str, Callable[[Path], Any]] = {
    "markdown": lambda f: edit_notebook(
        f, lambda n: n["cells"].insert(0, {"cell_type": "markdown", "source": "# hi"})
    ),
    "outputs": lambda f: edit_notebook(
        f, lambda n: n["cells"][0].update(outputs=[{"output_type": "stream"}], execution_count=3)
    ),
    "ids": lambda f: edit_notebook(f, lambda n: n["cells"][0].update(id="zzz")),
    "other metadata": lambda f: edit_notebook(f, lambda n: n["metadata"].update(title="x")),
    "source as lines": lambda f: edit_notebook(
        f, lambda n: n["cells"][1].update(source=n["cells"][1]["source"].splitlines(True))
    ),
    "another file": lambda f: write(f, "unrelated.py", "x = 1"),
}


@pytest.mark.parametrize("change", NOTHING.values(), ids=NOTHING)
def test_key_does_not_depend_on(project: Path, change: Callable[[Path], Any]) -> None:
    before = parts_of(project)
    change(project)
    assert parts_of(project) == before


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"stage": {"timeout": "1m", "retries": 3, "resources": {"cpu": 2}}}, True),
        ({"seed": 3}, True),
        ({"name": "other"}, True),
        ({"stage": {"cwd": "template"}}, True),
        ({"stage": {"cwd": "variant"}}, False),
        ({"stage": {"kernel": "other"}}, False),
        ({"x": 2}, False),
        ({"x": 1.0}, False),
        ({"environment": {"packages": ["click", "pytest"], "variables": {"A": "1"}}}, False),
        ({"environment": {"packages": ["click"], "variables": {"A": "2"}}}, False),
    ],
)
def test_key_and_settings(project: Path, changes: dict[str, Any], same: bool) -> None:
    assert (parts_of(project)[0] == parts_of(project, **changes)[0]) is same


CHANGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "code": (
        lambda f: edit_notebook(f, lambda n: n["cells"][1].update(source="pass")),
        "the template's code cells changed",
    ),
    "module": (
        lambda f: write(f, "helper.py", "import deeper\ndef go(): return 1\n"),
        "the content of local module helper changed",
    ),
    "module of a module": (
        lambda f: write(f, "deeper.py", "def go(): return 1\n"),
        "the content of local module deeper changed",
    ),
    "module that is new": (
        lambda f: (write(f, "deeper.py", "import third\n"), write(f, "third.py", "")),
        "local module third is new",
    ),
    "input": (
        lambda f: write(f, "table.csv", "1,3\n"),
        "the content of input file table.csv changed",
    ),
    "input folder": (
        lambda f: write(f, "folder/b.txt", ""),
        "the content of input file folder changed",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), CHANGES.values(), ids=CHANGES)
def test_key_depends_on_what_is_read(
    project: Path, change: Callable[[Path], Any], sentence: str
) -> None:
    key, before = parts_of(project)
    change(project)
    new_key, after = parts_of(project)
    assert new_key != key
    assert sentence in differences(before, after)


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ({"params": {"x": 1}}, {"params": {"x": 2}}, ["parameter x changed from 1 to 2"]),
        ({"params": {"x": 1}}, {"params": {"x": 1.0}}, ["parameter x changed from 1 to 1.0"]),
        ({"params": {"x": math.nan}}, {"params": {"x": float("nan")}}, []),
        ({"params": {}}, {"params": {"x": None}}, ["parameter x is new"]),
        ({"params": {"x": None}}, {"params": {}}, ["parameter x is gone"]),
        (
            {"params": {"d": {"$content": "1"}}},
            {"params": {"d": {"$content": "2"}}},
            ["the content of parameter d changed"],
        ),
        ({"kernel": "a"}, {"kernel": "b"}, ["kernel changed from a to b"]),
        ({}, {"cwd": "variant"}, ["cwd changed from template to variant"]),
        ({"cwd": "out"}, {}, ["cwd changed from out to template"]),
        (
            {"packages": {"torch": "2.4"}},
            {"packages": {"torch": "2.5"}},
            ["package torch changed from '2.4' to '2.5'"],
        ),
        (
            {"variables": {"A": "1"}},
            {"variables": {"A": "2"}},
            ["environment variable A changed from '1' to '2'"],
        ),
    ],
)
def test_differences_are_sentences(
    old: dict[str, Any], new: dict[str, Any], sentences: list[str]
) -> None:
    assert differences(old, new) == sentences


def test_inputs_outside_of_the_folder_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, f"{name}/table.csv", name)
    folder = tmp_path / "project"
    folder.mkdir()
    stage = {"inputs": ["../a/table.csv", "../b/table.csv"]}
    graph = Graph(pipeline_of(folder, {"s": stage}))
    (node,) = graph.take_ready()
    assert set(identify(graph, node).parts["inputs"]) == {"../a/table.csv", "../b/table.csv"}


def keys_below(folder: Path, **scraps: Any) -> dict[str, str]:
    stages = {"a": {"params": {"x": 1}}, "b": {"params": {"data": "@a.out"}}}
    graph = Graph(pipeline_of(folder, stages))
    keys = {}
    while ready := graph.take_ready():
        for node in ready:
            keys[node.variant.stage] = identify(graph, node).key
            finish(graph, node, **scraps)
    return keys


def test_only_the_linked_output_of_an_upstream_counts(tmp_path: Path) -> None:
    before = keys_below(tmp_path, out=1, other=1)
    assert keys_below(tmp_path, out=1, other=2) == before
    changed = keys_below(tmp_path, out=2, other=1)
    assert changed["a"] == before["a"]
    assert changed["b"] != before["b"]


def test_plan_follows_what_is_cached(tmp_path: Path) -> None:
    stages = {
        "a": {"params": {"x": {"grid": [1, 2]}}},
        "b": {"params": {"data": "@a.out"}, "metric": "m", "reduce": {"keep": 1}},
        "c": {"params": {"model": "@b.out", "y": {"grid": [1, 2, 3]}}},
    }
    spec = pipeline_of(tmp_path, stages)
    first = Graph(spec)
    one = first.take_ready()[0]
    finish(first, one, out=5)
    assert first.nodes[one.variant.name].result is not None
    cached: dict[str, Result] = {one.variant.name: one.result}  # type: ignore[dict-item]

    def lookup(identified: Any) -> dict[str, Result]:
        names = [each.node.variant.name for each in identified]
        return {name: cached[name] for name in names if name in cached}

    took = {"a": [took_of(spec, "a", 2.0, x=2)], "c": [took_of(spec, "c", 1.0, model=0, y=2)]}
    plan = make_plan(Graph(spec), lookup, lambda stage: took.get(stage, []))
    a, b, c = plan.stages
    assert [v.state for v in a.variants] == [State.CACHED, State.PENDING]
    assert [v.key is not None for v in b.variants] == [True, False]
    assert (c.is_open, c.variants) == (True, ())
    assert (a.work and a.work.mean, b.work, c.work and c.work.mean) == (2.0, None, 3.0)
    assert [stage["name"] for stage in plan.to_record()["stages"]] == ["a", "b", "c"]
    assert len(plan.variants) == 4


LINKS: dict[str, tuple[Any, Any]] = {
    "@a.out": ([1, {"k": "v"}], [1, {"k": "v"}]),
    "@a.out[1].k": ("v", "v"),
    "@a.out[-1]": ({"k": "v"}, {"k": "v"}),
    "@a.params.x": (7, 7),
    "@a.params.options.lr": (0.1, 0.1),
    "@a[*].out": ([[1, {"k": "v"}]],) * 2,
    "@a[all].params.x": ([7], [7]),
}


def linked(folder: Path, link: str) -> tuple[Any, Any]:
    stages = {
        "a": {"params": {"x": 7, "options": {"lr": 0.1, "name": "adam"}}},
        "b": {"params": {"data": {"inner": [link]}}},
    }
    graph = Graph(pipeline_of(folder, stages))
    (node,) = graph.take_ready()
    finish(graph, node, out=[1, {"k": "v"}], score=0.5)
    (follower,) = graph.take_ready()
    resolved = graph.resolve(follower.variant)
    return resolved.params["data"]["inner"][0], resolved.content["data"]["inner"][0]


@pytest.mark.parametrize("link", LINKS)
def test_link_gives_value_and_content(tmp_path: Path, link: str) -> None:
    assert linked(tmp_path, link) == LINKS[link]


def test_link_to_a_notebook_gives_its_path_and_its_content(tmp_path: Path) -> None:
    value, content = linked(tmp_path, "@a.notebook")
    assert Path(value).is_file()
    assert list(content) == ["$content"]


def test_link_without_a_name_gives_records(tmp_path: Path) -> None:
    (record,), _ = linked(tmp_path, "@a[all]")
    assert set(record) == {"variant", "params", "metrics", "scraps", "artifacts", "notebook"}
    assert record["metrics"] == {"score": 0.5}


@pytest.mark.parametrize(
    ("link", "message"),
    [
        ("@a.outt", "neither glued nor saved 'outt'. Did you mean 'out'"),
        ("@a.out[9]", "leads nowhere in a-.*no 9 in the value: it has 2 items"),
        ("@a.out[1].z", r"no 'z' in the value\[1\]: its keys are k"),
        ("@a.score.x", "no 'x' in the value: it is 0.5"),
    ],
)
def test_link_that_finds_nothing(tmp_path: Path, link: str, message: str) -> None:
    with pytest.raises(LinkError, match=message):
        linked(tmp_path, link)
