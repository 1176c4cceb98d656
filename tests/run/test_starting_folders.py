"""Where kernels of a stage start, and what becomes of a variant's own folder as it goes on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from run_folders import make_run, start_variant
from test_runner import Case

import nbexp
from nbexp import State
from nbexp.errors import RunError
from nbexp.execute import Job
from nbexp.execute.cwd import cwd_of, prepared
from nbexp.run import complete_runs
from nbexp.run.progress import adopt_progress
from nbexp.run.writer import RunWriter
from nbexp.runs.variant_folder import VariantFolder

TRIED = """\
import os, nbexp
nbexp.glue("found", os.path.exists("tried.txt"))
nbexp.glue("cwd", os.getcwd())
if not os.path.exists(os.environ["NBEXP_FOLDER"] + "/attempts"):
    open("tried.txt", "w").close()
    raise ValueError("the first time")
"""

PIPELINE = """\
name = "places"
defaults = { cwd = "out/here" }
[stages.path]
notebook = "templates/path.ipynb"
[stages.own]
notebook = "templates/tried.ipynb"
cwd = "variant"
retries = 1
"""


def test_kernels_start_where_their_stage_says_and_retries_start_clean(project, inline) -> None:
    project.template("path", "import os, nbexp, beside\nnbexp.glue('cwd', os.getcwd())")
    (project.folder / "templates" / "beside.py").touch()
    project.template("tried", TRIED)
    result = nbexp.Pipeline.from_toml(project.pipeline(PIPELINE)).run(inline=inline)
    assert result.state is State.FINISHED
    (path,), (own,) = result.stage("path"), result.stage("own")
    assert Path(path.scraps["cwd"]) == project.folder / "out" / "here"
    work = project.runs()[-1] / "variants" / own.name / "work" / project.folder.name
    assert Path(own.scraps["cwd"]) == work / "templates"
    assert own.scraps["found"] is False
    attempt = project.runs()[-1] / "variants" / own.name / "attempts" / "1"
    assert [file.name for file in attempt.glob("work/*/templates/*")] == ["tried.txt"]


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A variant that was stopped on its way, with snapshots and files of its own."""
    folder = start_variant(make_run(tmp_path), "train-1")
    (folder / "snapshots").mkdir()
    (folder / "work" / "project" / ".state").mkdir(parents=True)
    (folder / "work" / "project" / ".state" / "best.pt").write_text("best")
    return folder


def test_next_attempt_that_goes_on_from_a_snapshot_keeps_its_files(stopped: Path) -> None:
    run = RunWriter(stopped.parents[1])
    kept = run.keep_attempt("train-1", 1).path
    assert not (kept / "work").exists()
    assert (stopped / "work/project/.state/best.pt").read_text() == "best"


def test_next_run_that_goes_on_from_a_snapshot_has_copies_of_its_files(stopped: Path) -> None:
    run = make_run(stopped.parents[3], "digits-2")
    folder = start_variant(run, "train-1")
    assert adopt_progress(VariantFolder(folder), "0" * 64, [stopped.parents[1]], lambda _: True)
    (folder / "work/project/.state/best.pt").write_text("better")
    assert (stopped / "work/project/.state/best.pt").read_text() == "best"


LOST: list[AbstractContextManager[None]] = []


def die(job: Job) -> None:
    """Do what a worker does that is lost while a notebook runs in a folder of its own."""
    LOST.append(prepared(job))
    LOST[-1].__enter__()  # and never leaves
    assert (cwd_of(job) / "a.ipynb").exists()
    (cwd_of(job) / "out.txt").touch()


def files_below(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.glob("**/work/**/*") if p.is_symlink() or p.is_file())


def test_of_a_lost_worker_only_what_the_notebook_wrote_is_left(tmp_path: Path) -> None:
    (tmp_path / "beside.txt").touch()
    project = tmp_path / "project"
    project.mkdir()
    case = Case(project, cwd="variant")
    assert case.run(die) is State.FAILED
    assert files_below(case.folder.path) == ["out.txt"] * 3  # in each attempt


def test_of_a_driver_that_was_killed_only_what_the_notebook_wrote_is_left(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    template = tmp_path / "a.ipynb"
    template.touch()
    die(Job("train-1", template, start_variant(run, "train-1"), {}, mirrored=tmp_path))
    assert complete_runs([run]) == [run.id]
    assert files_below(run.path) == ["out.txt"]


def test_run_whose_folder_cannot_be_made_is_told_before_anything_starts(project) -> None:
    project.template("one", "x = 1")
    text = 'name = "one"\n[stages.one]\nnotebook = "templates/one.ipynb"\n'
    pipeline = nbexp.Pipeline.from_toml(project.pipeline(text))
    (project.folder / "runs").touch()
    with pytest.raises(RunError, match=r"can't be written below .*/runs: Not a directory"):
        pipeline.run()
    assert not list(project.folder.glob("*.db"))
