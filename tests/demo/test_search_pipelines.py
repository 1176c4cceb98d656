"""The pipelines with searches and schedulers that ship, in small."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import nbexp
from nbexp import RunResult, State
from nbexp.metrics import read_metrics

REPOSITORY = Path(__file__).parents[2]
PIPELINES = sorted((REPOSITORY / "notebooks").glob("*/*.toml"))

pytestmark = pytest.mark.timeout(600)  # a whole run is in the first test's set-up


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_pipeline_is_without_mistakes(path: Path) -> None:
    assert nbexp.Pipeline.from_toml(path).name


def run_small(name: str, folder: Path, *, samples: int, epochs: int, **settings: int) -> RunResult:
    """Run a pipeline with fewer variants and epochs, and other settings of its scheduler."""
    text = (REPOSITORY / "notebooks" / name).read_text().replace("../../", f"{REPOSITORY}/")
    for key, value in {"samples": samples, **settings}.items():
        text, count = re.subn(rf"\b{key} = \d+", f"{key} = {value}", text)
        assert count == 1, key
    (folder / "pipeline.toml").write_text(text)
    sets = [f"params.epochs={epochs}"]
    return nbexp.Pipeline.from_toml(folder / "pipeline.toml", sets=sets).run()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("early_stopping")
    return run_small("early_stopping/digits.toml", folder, samples=4, epochs=3, max_t=3)


def test_early_stopping_spares_epochs(stopped: RunResult) -> None:
    variants = stopped.stage("train")
    epochs = [len(read_metrics(variant.folder / "metrics.jsonl")) for variant in variants]

    assert stopped.state is State.FINISHED
    assert {variant.state for variant in variants} == {State.FINISHED, State.PRUNED}
    assert sum(epochs) < 3 * len(variants)


def test_pruned_variant_leaves_a_model(stopped: RunResult) -> None:
    for variant in stopped.stage("train"):
        assert set(variant.artifacts) == {"model"}


def test_curves_of_all_variants_are_drawn(stopped: RunResult) -> None:
    [compared] = stopped.stage("compare")
    variants = stopped.stage("train")
    count = sum(len(read_metrics(variant.folder / "metrics.jsonl")) for variant in variants)

    assert compared.scraps["step_count"] == count
    image = compared.folder / "figures" / "metric_by_step.png"
    assert image.read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("pbt")
    return run_small("pbt/pipeline.toml", folder, samples=3, epochs=3, perturbation_interval=2)


def test_network_that_went_on_from_another_is_trained_with_its_own_rate(trained: RunResult) -> None:
    exploits = [
        json.loads(line)
        for line in (trained.folder / "events.jsonl").read_text().splitlines()
        if '"variant_exploited"' in line
    ]
    last = {event["variant"]: event for event in exploits}

    assert last
    for variant in trained.stage("train"):
        rates = variant.scraps["learning_rates"]
        assert len(rates) == 3
        if variant.name in last:
            begin = last[variant.name]["step"] + 1
            assert rates[begin:] == [variant.params["lr"]] * (3 - begin)
            assert rates[0] != variant.params["lr"]
