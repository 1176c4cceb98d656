"""Variants that used one file with no order between them are told of, with the remedy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner
from run_folders import make_run, start_variant
from test_runner import Case, ends

import nbexp
from nbexp import State
from nbexp.cli._main import cli
from nbexp.execute import Job
from nbexp.files import read_json, write_json
from nbexp.pipeline import Pipeline, build_pipeline
from nbexp.plan import Graph, Result, identify
from nbexp.run import expected_overlap
from nbexp.run.overlaps import Overlaps
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import read_history
from nbexp.runs.outcome import Outcome
from nbexp.source.templates import read_template

OWN = 'Give each a folder of its own, cwd = "variant" in [stages.a], or write to'
GRID = {"x": {"grid": [1, 2, 3]}}
Used = Mapping[str, Any]


def wrote(*paths: str, read: tuple[str, ...] = ()) -> Used:
    return {"written": list(paths), "inputs": {path: {} for path in read}}


def read(*paths: str) -> Used:
    return wrote(read=paths)


def pipeline_of(folder: Path, stages: Mapping[str, Mapping[str, Any]]) -> Pipeline:
    sources = ("x = data = 0", "import nbexp\nnbexp.glue('out', x)")
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "any.ipynb")
    tables = {name: {"notebook": "any.ipynb", **stage} for name, stage in stages.items()}
    return build_pipeline({"stages": tables}, folder=folder)


def messages(pipeline: Pipeline, used: Mapping[str, Used]) -> list[str]:
    """Have all variants finish, and return what is told of them.

    Args:
        pipeline: The pipeline.
        used: What variants were seen to use, by stage or by stage and value of ``x``.
    """
    graph = Graph(pipeline)
    overlaps = Overlaps(graph)
    while ready := graph.take_ready():
        for node in ready:
            variant = node.variant
            one = f"{variant.stage} {variant.option.params.get('x')}"
            observed = used.get(one, used.get(variant.stage, {}))
            outcome = Outcome(variant.name, "", State.FINISHED, 0.0, 1.0, {"out": one},
                              observed=observed)  # fmt: skip
            overlaps.add(variant, outcome)
            resolved = identify(graph, node).resolved
            graph.end(variant.name, State.FINISHED, Result(variant, resolved, outcome, Path()))
    told = overlaps.take()
    assert overlaps.take(is_over=True) == []  # once is enough
    return told


MEET = {
    "one stage": (
        {"a": {"params": GRID}},
        {"a": wrote("out.txt")},
        "3 variants of a wrote the same file out.txt, and one may have got what another wrote. "
        f"{OWN} a path that holds a parameter.",
    ),
    "many files are told at once": (
        {"a": {"params": GRID}},
        {"a 1": wrote(*"abcd"), "a 2": wrote(*"abcde"), "a 3": wrote("e", "f")},
        "2 variants of a wrote the same files a, b, c and 2 more, and",
    ),
    "outside of the project": (
        {"a": {"params": GRID}},
        {"a": wrote("/tmp/out.txt")},
        "wrote. Write to a path that holds a parameter.",
    ),
    "in folders of their own, through a link": (
        {"a": {"params": GRID, "cwd": "variant"}},
        {"a": wrote("large.bin")},
        "wrote. Write to a path that holds a parameter.",
    ),
    "one wrote what its siblings read": (
        {"a": {"params": GRID}},
        {"a 1": wrote("cache"), "a": read("cache")},
        "2 variants of a read the file cache that 1 variant of a wrote, with no order between "
        f"them. {OWN}",
    ),
    "two stages": (
        {"a": {}, "b": {"params": GRID}},
        {"a": wrote("out"), "b 1": wrote("out", read=("out",))},
        "1 variant of a and 1 variant of b wrote the same file out, and one may have got what "
        'another wrote. Give each a folder of its own, cwd = "variant" in [stages.a] and '
        "[stages.b],",
    ),
    "a stage reads without order": (
        {"a": {}, "b": {"params": GRID}},
        {"a": wrote("table"), "b": read("table")},
        "3 variants of b read the file table that 1 variant of a wrote, with no order between "
        'them. Write after = ["a"] in [stages.b], or save it with nbexp.save and link to it.',
    ),
    "descendants of others": (
        {"a": {"params": GRID}, "b": {"params": {"data": "@a.out"}}},
        {"a 1": wrote("table"), "b": read("table")},
        "2 variants of b read the file table that 1 variant of a wrote",
    ),
}


@pytest.mark.parametrize(("stages", "used", "message"), MEET.values(), ids=MEET)
def test_told_is(tmp_path: Path, stages: Any, used: Any, message: str) -> None:
    (told,) = messages(pipeline_of(tmp_path, stages), used)
    assert message in told


PASS = {
    "files of their own": ({"a": {"params": GRID}}, {f"a {x}": wrote(f"{x}") for x in (1, 2, 3)}),
    "what was only read": ({"a": {"params": GRID}}, {"a": read("table")}),
    "a variant that reads what it wrote": ({"a": {}}, {"a": wrote("out", read=("out",))}),
    "what it descends from": (
        {"a": {"params": {"x": {"grid": [1]}}}, "b": {"params": {"data": "@a.out", **GRID}}},
        {"a": wrote("table"), "b": read("table")},
    ),
    "a stage that it waits for": (
        {"a": {"params": GRID}, "b": {"after": ["a"]}, "c": {"params": {"data": "@b.out"}}},
        {"a 1": wrote("table"), "b": wrote("table"), "c": read("table")},
    ),
    "a stage that it gathers": (
        {"a": {"params": GRID}, "b": {"params": {"data": "@a[all].out"}}},
        {"a 1": wrote("table"), "b": read("table")},
    ),
    "what tools keep": (
        {"a": {"params": GRID}},
        {"a": wrote("__pycache__/m.pyc", "mlflow.db-wal", "/root/.cache/fonts", "/dev/null")},
    ),
}


@pytest.mark.parametrize(("stages", "used"), PASS.values(), ids=PASS)
def test_not_told_is(tmp_path: Path, stages: Any, used: Any) -> None:
    assert messages(pipeline_of(tmp_path, stages), used) == []


@pytest.mark.parametrize("retries", [0, 1])
def test_run_tells_of_killed_and_failed_attempts_too(tmp_path: Path, retries: int) -> None:
    case = Case(tmp_path, params={"x": nbexp.grid([1, 2, 3])}, retries=retries)

    def works(job: Job) -> Outcome:
        is_first = len(case.pool.jobs) == 1
        outcome = ends(job, State.FAILED if is_first else State.FINISHED)
        table = outcome.to_record()
        is_second_try = job.variant == case.pool.jobs[0].variant and not is_first
        table["observed"] = {} if is_second_try else wrote("out.txt")
        write_json(job.folder / "result.json", table)
        return Outcome.from_record(table)

    case.run(works)
    (warning,) = read_history(case.folder).warnings
    assert warning.startswith("3 variants of a wrote the same file out.txt, and")
    case.run(works)  # what is cached was not executed side by side
    assert read_history(case.folder).warnings == []


def leave(root: Path, run: str, name: str, observed: Used, **parts: str) -> None:
    folder = root / "runs" / run / "variants" / name
    if not folder.parent.exists():
        make_run(root, run)
    start_variant(RunFolder(folder.parents[1]), name)
    record = read_json(folder / "variant.json")
    code = read_template(root / "any.ipynb", root).code
    write_json(folder / "variant.json", record | {"parts": {"code": code, **parts}})
    outcome = Outcome(name, "", State.FINISHED, 0.0, 1.0, observed=observed)
    write_json(folder / "result.json", outcome.to_record())


SEEN = [
    ([wrote("out.txt")], "template", True),
    ([wrote("out.txt", "1.txt"), wrote("out.txt", "2.txt")], "template", True),
    ([wrote("1.txt"), wrote("2.txt")], "template", False),
    ([wrote("/tmp/out.txt")], "template", False),
    ([wrote("out.txt")], "variant", False),
    ([{}], "template", False),
]


@pytest.mark.parametrize(("variants", "cwd", "is_told"), SEEN)
def test_plan_tells_what_an_earlier_run_has_shown(
    tmp_path: Path, variants: list[Used], cwd: str, is_told: bool
) -> None:
    stage = pipeline_of(tmp_path, {"train": {"cwd": cwd}}).stages["train"]
    for number, observed in enumerate(variants):
        leave(tmp_path, "p-2", f"train-{number}", observed)
    leave(tmp_path, "p-2", "train-8", wrote("other.txt"), code="of earlier")
    leave(tmp_path, "p-2", "train-9", wrote("other.txt"), cwd="variant")
    leave(tmp_path, "p-1", "train-1", wrote("1.txt"))
    leave(tmp_path, "p-1", "train-2", wrote("2.txt"))
    told = expected_overlap(stage, [tmp_path / "runs" / name for name in ("p-2", "p-1")])
    expected = (
        "its variants write the same file out.txt, as p-2 has shown, and may meet there. Give each "
        'a folder of its own, cwd = "variant" in [stages.train], or write to a path that holds a '
        "parameter."
    )
    assert told == (expected if is_told else "")


def test_plan_shows_it_beside_the_stage(tmp_path: Path) -> None:
    pipeline_of(tmp_path, {"train": {}})
    leave(tmp_path, "p-1", "train-1", wrote("out.txt"))
    file = tmp_path / "pipeline.toml"
    file.write_text('[stages.train]\nnotebook = "any.ipynb"\nparams.x.grid = [1, 2]\n')
    shown = CliRunner().invoke(cli, ["plan", str(file)])
    assert "! its variants write the same file out.txt, as p-1" in " ".join(shown.output.split())
    (stage,) = json.loads(CliRunner().invoke(cli, ["plan", str(file), "--json"]).output)["stages"]
    assert stage["warning"].startswith("its variants write the same file out.txt")
