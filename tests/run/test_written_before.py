"""Runs and databases that an earlier version wrote: read, reported, reused, and gone on with.

``written_before.zip`` is a project of two stages with one run, as nbexp left it before
`nbexp.runs` came to be.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import nbexp
from nbexp import State
from nbexp.cli._main import cli
from nbexp.reports import write_report

BEFORE = Path(__file__).with_name("written_before.zip")
TRAINED = {"train-182a6ca8": 12.0, "train-bac138c3": 3.0}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    with zipfile.ZipFile(BEFORE) as kept:
        kept.extractall(folder)
    return folder


def call(*arguments: str) -> str:
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_run_is_read(project: Path) -> None:
    run = nbexp.Runs(project).find("last")
    assert (run.state, run.id) == (State.FINISHED, "earlier-20261129-115157")
    prepared, *trained = run.result.variants
    assert prepared.scraps == {"count": 3}
    assert nbexp.load(prepared.artifacts["rows"]) == [1, 2, 3]
    assert {each.name: each.metric for each in trained} == TRAINED
    assert [len(each.entries()) for each in trained] == [3, 3]
    assert [each.name for each in trained if each.is_kept] == ["train-182a6ca8"]


def test_run_is_shown_and_reported(project: Path) -> None:
    assert "earlier-20261129-115157" in call("ls", "-C", str(project))
    assert "train-182a6ca8" in call("show", "train-18", "-C", str(project))
    assert "trained" in call("logs", "train-18", "-C", str(project))
    run = nbexp.Runs(project).find("last")
    report = write_report(run.folder.path, project / "report")
    page = report.index.parent / "variants" / "train-182a6ca8.html"
    assert "trained" in page.read_text()


def test_all_of_it_is_reused(project: Path, ray_cluster) -> None:
    pipeline = nbexp.Pipeline.from_toml(project / "pipeline.toml")
    result = pipeline.run(progress=False)
    assert [each.state for each in result.variants] == [State.CACHED] * 3
    assert {each.name: each.metric for each in result.stage("train")} == TRAINED


def test_database_goes_on(project: Path, ray_cluster) -> None:
    pipeline = nbexp.Pipeline.from_toml(
        project / "pipeline.toml", sets=["train.scale={grid = [2.0, 4.0]}"]
    )
    result = pipeline.run(progress=False)
    states = {dict(each.params)["scale"]: each.state for each in result.stage("train")}
    assert states == {2.0: State.CACHED, 4.0: State.FINISHED}
    assert result.tracking["run_id"]
    (trained,) = (each for each in result.variants if each.state is State.FINISHED)
    assert not any("manifest.json" in name for name in trained.outcome.observed["inputs"])
