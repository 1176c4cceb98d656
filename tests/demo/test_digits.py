"""The project that `nbexp init` writes, run as a newcomer would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nbexp import RunResult, State


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


def test_every_variant_finishes(result: RunResult) -> None:
    assert result.state is State.FINISHED
    assert [len(result.stage(name)) for name in ("prepare", "train", "evaluate", "compare")] == [
        1, 12, 1, 1,
    ]  # fmt: skip
    assert {variant.state for variant in result.variants} == {State.FINISHED}


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
