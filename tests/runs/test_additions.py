"""What is to be added to a run: read and checked without a command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from run_folders import make_run, start_variant

import nbexp
from nbexp.errors import UsageError
from nbexp.files import write_json
from nbexp.runs.additions import choose_stage, read_settings
from nbexp.runs.folder import RunFolder
from nbexp.runs.run import Run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = make_run(tmp_path)
    write_json(run.pipeline, {"params": {"epochs": 3}})
    return run


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (["lr=0.1"], {"lr": 0.1}),
        (["train.lr=0.1"], {"lr": 0.1}),
        (["optimizer.lr=0.1", "optimizer.name=adam"], {"optimizer": {"lr": 0.1, "name": "adam"}}),
        (["epochs=@params.epochs", "text='@@so'"], {"epochs": 3, "text": "@so"}),
        ([], {}),
    ],
)
def test_settings_are_values_by_parameter(run: RunFolder, settings: list[str], values: Any):
    assert read_settings(run, "train", settings) == values


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("lr", "expected stage.param=VALUE"),
        ("lr=[1", "expected a TOML value"),
        ("lr=@params.rate", "unknown pipeline-wide parameter 'rate'"),
        ("lr=@prepare.lr", "--set lr: expected a plain value, got"),
        ("lr={uniform=[0, 1]}", "--set lr: expected a plain value, got"),
    ],
)
def test_settings_that_make_no_sense_are_told(run: RunFolder, setting: str, message: str):
    with pytest.raises(UsageError) as caught:
        read_settings(run, "train", [setting])
    assert message in str(caught.value)


def test_settings_of_a_run_whose_pipeline_was_not_kept_link_to_nothing(run: RunFolder):
    run.pipeline.unlink()
    with pytest.raises(UsageError, match="unknown pipeline-wide parameter 'epochs'"):
        read_settings(run, "train", ["epochs=@params.epochs"])


def test_the_only_stage_need_not_be_named():
    assert choose_stage("r-1", ["train"], None) == "train"
    assert choose_stage("r-1", ["train", "test"], "test") == "test"


@pytest.mark.parametrize(
    ("stages", "name", "message"),
    [
        ([], "train", "r-1 is only starting"),
        (["train", "test"], None, "one of train, test"),
        (["train", "test"], "tran", "Did you mean 'train'?"),
    ],
)
def test_a_stage_that_is_not_there_is_told(stages: Sequence[str], name: str | None, message: str):
    with pytest.raises(UsageError) as caught:
        choose_stage("r-1", stages, name)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [nbexp.uniform(0, 1), [nbexp.grid([1, 2])]])
def test_a_run_is_not_asked_for_values_that_have_yet_to_be_drawn(run: RunFolder, value: Any):
    with pytest.raises(UsageError, match="lr: expected a plain value"):
        Run(run).add("train", params={"lr": value})
    assert not run.control.exists()


def test_the_end_of_a_variant_or_of_its_run_is_awaited(run: RunFolder):
    assert start_variant(run, "train-1").is_dir()  # type: ignore[arg-type]
    run.try_lock()
    try:
        assert Run(run).await_end("train-1", timeout_s=0.01, every_s=0.001) is None
    finally:
        run.unlock()
    ended = Run(run).await_end("train-1", timeout_s=60.0)
    assert ended is not None
    assert ended.variants["train-1"].state == ended.state == nbexp.State.STOPPED
