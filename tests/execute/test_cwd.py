"""A folder of a variant's own: what it reads is there, and what it writes is nobody else's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from notebook_files import write_notebook

from nbexp.execute import Job, NotebookExecutor
from nbexp.execute.cwd import LARGEST_COPY, clear, cwd_of, prepared
from nbexp.states import State

FILES = {
    "home/beside.csv": "beside the project",
    "home/project/data/x.csv": "x",
    "home/project/notebooks/module.py": "VALUE = open('text.txt').read()",
    "home/project/notebooks/text.txt": "old",
    "home/project/notebooks/checkpoints/last.pt": "old",
    "home/project/notebooks/.hidden/settings": "hidden",
    "home/project/mlflow.db": "a database",
}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        write(tmp_path / name, text)
    return tmp_path / "home" / "project"


def job_of(project: Path, name: str = "v-1", *sources: str, **more: str) -> Job:
    template = write_notebook(project / "notebooks" / "train.ipynb", *sources, **more)
    folder = project / "runs" / "r-1" / "variants" / name
    folder.mkdir(parents=True)
    return Job(name, template, folder, {}, mirrored=project)


def files_in(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        links = [each for each in folders if (Path(place) / each).is_symlink()]
        yield from (os.path.relpath(Path(place) / name, folder) for name in (*files, *links))


READS_AND_WRITES = """\
import pathlib, module, subprocess, sys
read = [open(name).read() for name in ("../data/x.csv", "../../beside.csv", ".hidden/settings")]
print(module.VALUE, *read, pathlib.Path("../runs").exists())
pathlib.Path("text.txt").write_text("new")
pathlib.Path("../data/x.csv").write_text("new")
pathlib.Path("checkpoints/last.pt").write_text("new")
pathlib.Path("checkpoints/next.pt").write_text("new")
subprocess.run([sys.executable, "-c", "open('child.txt', 'w').write('new')"], check=True)
pathlib.Path("empty").mkdir()
"""


def test_notebook_reads_what_its_template_has_around_it_and_writes_for_itself(
    executor: NotebookExecutor, project: Path
) -> None:
    job = job_of(project, "v-1", READS_AND_WRITES)
    outcome = executor.execute(job)
    assert (outcome.state, outcome.error) == (State.FINISHED, None)
    log = (job.folder / "log.txt").read_text()
    assert "old x beside the project hidden False\n" in log
    for name, text in FILES.items():
        assert (project.parents[1] / name).read_text() == text
    left = "notebooks/text.txt notebooks/child.txt notebooks/checkpoints/last.pt data/x.csv"
    own = job.folder / "work" / "project"
    assert sorted(files_in(own)) == sorted([*left.split(), "notebooks/checkpoints/next.pt"])
    assert (own / "notebooks" / "empty").is_dir()


def test_kernel_of_another_language_starts_there(
    executor: NotebookExecutor, project: Path, bash_kernel: None
) -> None:
    source = "cat text.txt; echo new > text.txt"
    job = job_of(project, "v-1", source, kernel="bash", language="bash")
    assert executor.execute(job).state is State.FINISHED
    assert (project / "notebooks" / "text.txt").read_text() == "old"
    assert (cwd_of(job) / "text.txt").read_text() == "new\n"


def test_what_goes_on_finds_its_own_files_and_the_others_as_they_are_now(project: Path) -> None:
    job = job_of(project)
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    with prepared(job):
        write(cwd_of(job) / "out.txt", "own")
        write(cwd_of(job) / "text.txt", "altered")
        shutil.rmtree(cwd_of(job) / "checkpoints")
        (cwd_of(job) / "checkpoints").symlink_to(elsewhere)
    write(project / "data" / "x.csv", "changed meanwhile")
    write(project / "notebooks" / "text.txt", "changed meanwhile")
    with prepared(job):
        assert (cwd_of(job) / "out.txt").read_text() == "own"
        assert (cwd_of(job) / "text.txt").read_text() == "altered"
        assert (cwd_of(job) / "../data/x.csv").read_text() == "changed meanwhile"
    left = sorted(files_in(job.folder / "work" / "project" / "notebooks"))
    assert left == ["checkpoints", "out.txt", "text.txt"]
    assert list(elsewhere.iterdir()) == []


def test_what_a_lost_worker_left_there_is_cleared_away(project: Path) -> None:
    job = job_of(project)
    lost = prepared(job)
    lost.__enter__()  # and never leaves
    write(cwd_of(job) / "out.txt", "own")
    clear(job.folder / "work")
    assert list(files_in(job.folder / "work")) == ["project/notebooks/out.txt"]
    clear(job.folder / "work")  # once more changes nothing
    assert list(files_in(job.folder / "work")) == ["project/notebooks/out.txt"]


def test_nothing_is_left_where_nothing_was_written(project: Path) -> None:
    job = job_of(project)
    with prepared(job):
        pass
    assert not (job.folder / "work").exists()


def test_what_is_too_large_or_shared_is_linked(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nbexp.execute.cwd.MOST_FILES", 30)
    with (project / "notebooks" / "weights.bin").open("wb") as file:
        file.truncate(LARGEST_COPY + 1)
    many = project / "many"
    for number in range(30):
        write(many / str(number), "")
    write(project / "zoo" / "deep" / "far.txt", "far")
    (project / "notebooks" / "dangling").symlink_to("nowhere")
    job = job_of(project)
    with prepared(job):
        own = job.folder / "work" / "project"
        links = {name for name in files_in(own) if (own / name).is_symlink()}
        expected = {"mlflow.db", "notebooks/.hidden", "notebooks/dangling", "zoo"}
        assert links - {"notebooks/weights.bin"} == expected
        # Where the file system can copy without content, the large file is a copy, too.
        assert (own / "notebooks" / "weights.bin").stat().st_size == LARGEST_COPY + 1
        assert (own / "zoo" / "deep" / "far.txt").read_text() == "far"


def test_folder_that_can_not_be_made_fails_the_variant_in_words(
    executor: NotebookExecutor, project: Path
) -> None:
    job = job_of(project, "v-1", "1")
    (job.folder / "work").write_text("a file")
    error = executor.execute(job).error
    assert error is not None
    assert (error.name, error.cell) == ("CwdError", None)
    assert f"The kernel can't start in {cwd_of(job)}" in error.message
