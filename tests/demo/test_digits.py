"""The project that `nbexp init` writes, run as a newcomer would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from nbexp import RunResult, State

pytestmark = pytest.mark.timeout(900)  # the whole run is in the first test's set-up


def nbexp(*arguments: object) -> None:
    command = [sys.executable, "-m", "nbexp", *map(str, arguments)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "digits"
    nbexp("init", folder)
    nbexp("run", folder / "pipeline.toml")
    return folder


@pytest.fixture(scope="module")
def result(project: Path) -> RunResult:
    [run] = (project / "runs").glob("digits-*")
    return RunResult.read(run)


def test_inline_it_leaves_the_very_same(result: RunResult, tmp_path: Path) -> None:
    nbexp("init", tmp_path / "digits")
    nbexp("run", "--inline", tmp_path / "digits" / "pipeline.toml")
    [run] = (tmp_path / "digits" / "runs").glob("digits-*")
    assert left(RunResult.read(run)) == left(result)


def left(result: RunResult) -> dict[str, object]:
    """Return the values and the names of what each variant left."""
    return {
        variant.name: (variant.state, variant.scraps, sorted(variant.artifacts), variant.is_kept)
        for variant in result.variants
    }


def test_every_variant_finishes(result: RunResult) -> None:
    assert result.state is State.FINISHED
    assert {variant.state for variant in result.variants} == {State.FINISHED}
    counts = Counter(variant.stage for variant in result.variants)
    assert counts == {"prepare": 1, "train": 12, "evaluate": 1, "compare": 1}


def test_the_best_variant_is_kept_and_evaluated(result: RunResult) -> None:
    [kept] = [variant for variant in result.stage("train") if variant.is_kept]
    [evaluated] = result.stage("evaluate")

    assert kept.metric == max(variant.scraps["val_accuracy"] for variant in result.stage("train"))
    assert evaluated.lineage["train"] == kept.name
    assert evaluated.params["hidden"] == kept.params["hidden"]
    assert evaluated.scraps["test_accuracy"] > 0.95


def test_all_variants_are_compared(result: RunResult) -> None:
    [kept] = [variant for variant in result.stage("train") if variant.is_kept]
    [compared] = result.stage("compare")

    assert compared.scraps["variant_count"] == 12
    assert compared.scraps["best"] == kept.name


def test_report_is_written_and_kept_in_mlflow(result: RunResult) -> None:
    pages = result.folder / "report"
    assert "val_accuracy" in (pages / "index.html").read_text()
    assert "confusion_matrix" in (pages / "data" / "evaluate.js").read_text()
    tracking = json.loads((result.folder / "tracking.json").read_text())
    kept = MlflowClient(tracking["uri"]).list_artifacts(tracking["run_id"], "report")
    assert "report/index.html" in [file.path for file in kept]


@pytest.mark.parametrize(
    ("stage", "figure"),
    [
        ("prepare", "examples"),
        ("train", "curves"),
        ("evaluate", "confusion"),
        ("compare", "metric_by_parameter"),
    ],
)
def test_figures_lie_beside_the_notebooks(result: RunResult, stage: str, figure: str) -> None:
    for variant in result.stage(stage):
        image = variant.folder / "figures" / f"{figure}.png"
        assert image.read_bytes().startswith(b"\x89PNG")
