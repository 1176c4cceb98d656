"""Reports as artifacts of runs in a real MLflow, on SQLite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import nbexp
from nbexp.errors import RunError
from nbexp.files import read_json, write_json
from nbexp.run.writer import RunWriter
from nbexp.tracking import MlflowTracker, log_report


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    project = tmp_path / "a folder of one's own"
    project.mkdir()
    nbformat.write(nbformat.v4.new_notebook(), project / "a.ipynb")
    spec = nbexp.Pipeline("kept", [nbexp.Stage("train", notebook="a.ipynb")], folder=project).spec
    tracker, folder = MlflowTracker(spec), RunWriter.create(spec)
    tracker.open_run(folder.path)
    tracker._connection.close()
    folder.unlock()
    return folder.path


def report_of(run: Path, *pages: str) -> Path:
    for page in pages:
        (run / "report" / page).parent.mkdir(parents=True, exist_ok=True)
        (run / "report" / page).write_text(page)
    return run / "report"


def kept(run: Path, folder: str = "report") -> set[str]:
    from mlflow import MlflowClient

    tracking = read_json(run / "tracking.json")
    files = MlflowClient(tracking["uri"]).list_artifacts(tracking["run_id"], folder)
    return {file.path for file in files}


@pytest.mark.parametrize("knows_place", [True, False], ids=["beside the run", "through MLflow"])
def test_report_is_kept_with_its_run(run: Path, knows_place: bool) -> None:
    if not knows_place:  # as where artifacts lie in a bucket or behind a server
        tracking = read_json(run / "tracking.json")
        write_json(run / "tracking.json", {**tracking, "artifacts": "mlflow-artifacts:/1"})
    log_report(run, report_of(run, "index.html", "variants/a b.html"))
    assert kept(run) == {"report/index.html", "report/variants"}
    assert kept(run, "report/variants") == {"report/variants/a b.html"}


def test_report_of_a_project_that_was_moved_is_kept_where_it_is_now(run: Path) -> None:
    project = run.parents[1]
    moved = project.rename(project.with_name("moved%20to?")) / run.relative_to(project)
    report = report_of(moved, "index.html")
    code = (
        "import sys, pathlib, nbexp.tracking as t; t.log_report(*map(pathlib.Path, sys.argv[1:]))"
    )
    # MLflow remembers places of runs for as long as a process lives.
    subprocess.run([sys.executable, "-c", code, moved, report], check=True)
    assert not project.exists()
    (kept,) = moved.parents[1].glob("mlartifacts/kept/*/artifacts/report/index.html")
    assert kept.read_text() == "index.html"


def test_later_report_takes_the_place_of_the_one_before(run: Path) -> None:
    log_report(run, report_of(run, "index.html", "history.html"))
    (run / "report" / "history.html").unlink()
    log_report(run, report_of(run, "index.html"))
    assert kept(run) == {"report/index.html"}


def test_report_stays_where_a_later_one_can_not_be_copied_whole(run: Path) -> None:
    report = report_of(run, "index.html")
    log_report(run, report)
    (report / "index.html").unlink()
    report.rmdir()
    with pytest.raises(RunError, match="can't be written"):
        log_report(run, report)
    assert kept(run) == {"report/index.html"}
    assert not any(path.startswith(".") for path in kept(run, ""))


def test_run_that_is_not_in_mlflow_is_said_so(run: Path) -> None:
    report = report_of(run, "index.html")
    (run / "tracking.json").unlink()
    with pytest.raises(RunError, match="was not tracked in MLflow"):
        log_report(run, report)
