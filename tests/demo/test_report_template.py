"""The report as a stage: it tells what there is, and copes with what there is not."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import nbexp
from nbexp import RunResult, State
from nbexp.notebook import reader

TEMPLATE = Path(__file__).parents[2] / "templates" / "report.ipynb"
SOURCE = """
import nbexp
if lr > 1:
    raise ValueError(f"lr = {lr} is too large")
for step in nbexp.loop("step", 4):
    score = (1 - abs(lr - 0.1)) * (step + 1) / 4 - 0.01 * (layers == [8]) + 0.002 * seed
    nbexp.log("score", score)
nbexp.glue("score", score)
nbexp.glue("confusion_matrix", [[9, 1], [2, 8]])
"""
FINAL = "import nbexp\nnbexp.glue('test_score', score - 0.1)"
PIPELINE = """
name = "sketch"

[stages.train]
notebook = "train.ipynb"
metric = "score"
params.lr = { grid = [0.01, 0.1, 0.2, 5.0] }
params.layers = { grid = [[8], [8, 8]] }
params.seed = { grid = [0, 1] }
reduce = { keep = 1 }
scheduler = { type = "asha", max_t = 4, grace_period = 1, reduction_factor = 2 }

[stages.test]
notebook = "test.ipynb"
params = { score = "@train.score" }

[stages.report]
notebook = "report.ipynb"
params = { variants = "@train[all]", metric = "score", final = "@test[all]", title = "A sketch" }
"""


def write(path: Path, parameters: str, source: str) -> None:
    tagged = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[tagged, new_code_cell(source)]), path)


def tables(notebook: Path) -> Iterator[str]:
    """Yield the tables that a notebook shows, as HTML."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            if "<table" in (html := output.get("data", {}).get("text/html", "")):
                yield html


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("sketch")
    write(folder / "train.ipynb", "lr = 0.1\nlayers = [8]\nseed = 0", SOURCE)
    write(folder / "test.ipynb", "score = 0.5", FINAL)
    shutil.copy(TEMPLATE, folder)
    (folder / "sketch.toml").write_text(PIPELINE)
    return nbexp.Pipeline.from_toml(folder / "sketch.toml").run()


def texts(notebook: Path) -> Iterator[str]:
    """Yield what a notebook shows as Markdown, and its errors and warnings."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                yield output.text
            yield output.get("data", {}).get("text/markdown", "")


def test_report_tells_of_a_run(result: RunResult) -> None:
    [report] = result.stage("report")
    [kept] = [variant for variant in result.stage("train") if variant.is_kept]
    pruned = [variant for variant in result.stage("train") if variant.state is State.PRUNED]
    summary = report.scraps["summary"]

    assert report.state is State.FINISHED
    assert report.scraps["best"] == kept.name
    assert report.scraps["best_value"] == pytest.approx(1.002)
    assert (report.scraps["variant_count"], report.scraps["failed_count"]) == (12, 4)
    assert summary.startswith("score 1.002 is what the best of 12 variants of train came to")
    assert f"{kept.name}, with lr = 0.1, layers = [8, 8], seed = 1." in summary
    assert f"{len(pruned)} of the 12 ended early" in summary
    assert "4 more failed." in summary
    assert "test_score 0.902" in summary
    assert "Most of the difference comes from lr" in summary
    assert "From seed to seed" in summary


def test_report_says_what_failed_and_how_to_get_the_best_again(result: RunResult) -> None:
    [report] = result.stage("report")
    [kept] = [variant for variant in result.stage("train") if variant.is_kept]
    shown = list(texts(report.notebook))

    assert not [text for text in shown if "Warning" in text]
    ranking, over_seeds, last_stage = tables(report.notebook)
    assert kept.name in ranking
    assert "deviation" in over_seeds
    assert "test_score" in last_stage
    [again] = [text for text in shown if "nbexp run" in text]
    assert "nbexp run sketch.toml" in again
    assert "lr = 0.1\nlayers = [8, 8]\nseed = 1" in again
    assert f"(../{kept.name}/notebook.ipynb)" in again
    assert "## A sketch" in "".join(shown)
    assert "lr = 5.0, layers = [8], seed = 0: `ValueError: lr = 5.0 is too large`" in "".join(shown)


def test_saved_report_can_be_loaded(result: RunResult) -> None:
    [report] = result.stage("report")
    saved = nbexp.load(report.artifacts["report"])

    assert saved["best"]["params"] == {"lr": 0.1, "layers": [8, 8], "seed": 1}
    assert len(saved["ranking"]) == 12
    assert saved["importance"][0]["param"] == "lr"
    assert [each["metrics"] for each in saved["final"]] == [{"test_score": pytest.approx(0.902)}]


def record(number: int, value: float | None, **params: Any) -> dict[str, Any]:
    metrics = {} if value is None else {"score": value}
    return {"variant": f"train-{number}", "params": params, "metrics": metrics, "scraps": {},
            "artifacts": {}, "notebook": f"/nowhere/train-{number}/notebook.ipynb"}  # fmt: skip


FEW = {
    "one variant": [record(0, 0.5, lr=0.1)],
    "numbers that are none": [
        record(0, math.nan, lr=0.1), record(1, 0.5, lr=0.2), record(2, math.inf, lr=0.3),
        record(3, None, lr=0.4),
    ],
    "lists, tables, nothing and texts": [
        record(n, n / 10, data=f"/runs/r/variants/prepare-{n}/artifacts/data", layers=[n, 8],
               width=None if n % 2 else n, optimizer={"name": "ad'am|`", "lr": 10.0**-n},
               size="auto" if n % 3 else n, score=n % 2 == 0)
        for n in range(9)
    ],
    "seeds alone": [record(n, 0.5 + n / 10, seed=n) for n in range(3)],
    "all the same": [record(n, 0.5, lr=float(n)) for n in range(9)],
    "many": [record(n, n / 40 - 0.2, lr=1.5**n, momentum=(n * 7 % 40) / 40) for n in range(40)],
}  # fmt: skip


@pytest.mark.parametrize("case", FEW)
def test_report_copes_with_any_records(case: str, tmp_path: Path) -> None:
    done = tmp_path / "report.ipynb"
    papermill.execute_notebook(
        TEMPLATE, done, {"variants": FEW[case], "mode": "min"}, progress_bar=False,
        cwd=tmp_path,
    )  # fmt: skip
    finite = [e for e in FEW[case] if math.isfinite(e["metrics"].get("score", math.nan))]
    best = min(finite, key=lambda each: each["metrics"]["score"])

    assert not [text for text in texts(done) if "Warning" in text]
    [ranking, *_] = tables(done)
    assert best["variant"] in ranking
    assert reader.scraps(nbformat.read(done, as_version=4)).values["best"] == best["variant"]


@pytest.mark.parametrize("case", ["numbers that are none", "lists, tables, nothing and texts"])
def test_comparison_copes_with_any_records(case: str, tmp_path: Path) -> None:
    done = tmp_path / "compare.ipynb"
    template = TEMPLATE.with_name("compare.ipynb")
    given = {"variants": FEW[case], "metric": "score"}
    papermill.execute_notebook(template, done, given, progress_bar=False, cwd=tmp_path)
    assert len(list(tables(done))) == 1


@pytest.mark.parametrize(
    ("records", "why"),
    [([], "none of the stage finished"), ([record(0, math.nan)], "no variant has a number")],
)
def test_nothing_to_report_is_an_error_that_says_so(records: Any, why: str, tmp_path: Path) -> None:
    with pytest.raises(papermill.PapermillExecutionError, match=why):
        papermill.execute_notebook(
            TEMPLATE, tmp_path / "report.ipynb", {"variants": records}, progress_bar=False
        )
