"""What a notebook is seen to use, in kernels of every kind."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
import pytest

from nbexp.execute import Job, NotebookExecutor, observing
from nbexp.execute.observing import is_as_it_was
from nbexp.files import read_json
from nbexp.masks import MASKED, Mask
from nbexp.observe.check import Check
from nbexp.observe.record import Observation
from nbexp.observe.states import Files
from nbexp.states import State

MakeJob = Callable[..., Job]

USES = (
    "import os, sys, subprocess\nimport beside",
    "open('read.txt').read()\nopen('own.txt', 'w').write('1')\nopen('own.txt').read()",
    "!bash script.sh",
    "%run script.ipy",
    "subprocess.run([sys.executable, 'child.py'], check=True)",
    "os.environ['ASKED'], os.environ['SECRET']",
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in {
        "beside.py": "VALUE = open('data.txt').read()",
        "data.txt": "1",
        "read.txt": "1",
        "child.txt": "1",
        "script.sh": "true",
        "script.ipy": "x = 1",
        "child.py": "open('child.txt').read()",
    }.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("warm", [True, False])
def test_kernel_tells_what_its_notebook_uses(
    executor: NotebookExecutor, make_job: MakeJob, files: Path, warm: bool
) -> None:
    environment = {"ASKED": "1"}
    job = make_job(*USES, warm=warm, environment=environment, secrets={"SECRET": "hidden"})
    outcome = executor.execute(job)
    assert outcome.state is State.FINISHED, outcome.error
    observed = outcome.observed
    assert observed == read_json(job.folder / "result.json")["observed"]
    read = {name for name, state in observed["inputs"].items() if "digest" in state}
    expected = {"beside.py", "data.txt", "read.txt", "script.sh", "script.ipy", "child.py"}
    assert read == {*expected, "child.txt"}
    assert observed["written"] == ["own.txt"]
    assert list(observed["variables"]) == ["ASKED"]
    assert observed["unseen"] == ["it starts bash, whose reads can't be seen"]
    assert not (job.folder / "observed.jsonl").exists()
    check = Check(files, {"ASKED": "1"}, Files())
    assert list(check.changes(observed)) == []
    (files / "child.txt").write_text("2")
    check = Check(files, {"ASKED": "2"}, Files())
    assert list(check.changes(observed)) == [
        "the content of file child.txt changed",
        "environment variable ASKED, which it reads, changed",
    ]


def test_notebook_is_the_same_with_the_observer(
    executor: NotebookExecutor, make_job: MakeJob
) -> None:
    code = (
        "import inspect, os, pathlib, pickle, sys, traceback",
        "print(inspect.signature(os.path.exists), pickle.loads(pickle.dumps(os.path.isfile)))",
        "print(os.path.exists.__name__, pathlib.Path.exists.__qualname__, len(os.environ) > 3)",
        "print(sorted(n for n in globals() if n[0] != '_'))",
    )
    made = make_job(*code)
    texts = []
    for observe in (False, True):
        job = dataclasses.replace(made, folder=made.folder / str(observe), observe=observe)
        job.folder.mkdir()
        assert executor.execute(job).state is State.FINISHED
        cells = json.loads((job.folder / "notebook.ipynb").read_text())["cells"]
        texts.append([cell["outputs"] for cell in cells])
    plain, observed = (re.sub("0x[0-9a-f]+", "0x", str(each)) for each in texts)
    assert plain == observed


def test_observation_can_be_turned_off(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job("import os\nprint(os.environ.get('NBEXP_OBSERVED'))", observe=False)
    assert executor.execute(job).observed == {}
    assert "None\n" in (job.folder / "log.txt").read_text()
    assert not (job.folder / "observed.jsonl").exists()


@pytest.mark.usefixtures("bash_kernel")
def test_kernel_of_another_language_is_seen_by_its_files(
    executor: NotebookExecutor, make_job: MakeJob, files: Path
) -> None:
    job = make_job("exec 3< read.txt\nsleep 0.5", "cat 'data.txt'", kernel="bash", language="bash")
    observed = executor.execute(job).observed
    assert {"data.txt", "read.txt"} <= observed["inputs"].keys()
    assert observed["unseen"] == ["what bash reads is only seen as far as its code names files"]


def test_kernel_without_nbexp_is_told_of(
    executor: NotebookExecutor,
    make_job: MakeJob,
    install_kernel: Callable[..., None],
    tmp_path: Path,
) -> None:
    hides = "import sys; sys.modules['nbexp'] = None; import runpy; sys.argv[:1] = ['k'];"
    argv = [sys.executable, "-c", f"{hides} runpy.run_module('ipykernel_launcher')"]
    install_kernel("bare", [*argv, "-f", "{connection_file}"], "python")
    (tmp_path / "data.txt").write_text("1")
    observed = executor.execute(make_job("open('data.txt').read()", kernel="bare")).observed
    assert list(observed["inputs"]) == ["data.txt"]
    assert "no nbexp" in observed["unseen"][0]


def test_what_a_killed_kernel_had_used_is_known(
    executor: NotebookExecutor, make_job: MakeJob, files: Path
) -> None:
    job = make_job(
        "import nbexp, os, pathlib, signal, time\nstate = nbexp.checkpoint(total=0)\n"
        "open('read.txt').read()",
        "for n in nbexp.loop('n', range(1000)):\n"
        "    time.sleep(0.02)\n"
        "    if any(pathlib.Path(os.environ['NBEXP_FOLDER'], 'snapshots').glob('[0-9]*')):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)",
    )
    assert executor.execute(job).state is State.FAILED
    assert is_as_it_was(job, {})
    later = job.folder.with_name("later")  # it went on in another run, and was stopped there
    shutil.copytree(job.folder, later)
    assert is_as_it_was(dataclasses.replace(job, folder=later), {})
    (files / "read.txt").write_text("2")
    assert not is_as_it_was(job, {})


def test_what_is_read_is_hashed_while_the_notebook_runs(
    make_job: MakeJob, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    done = threading.Event()

    def digest(path: str, look: Mapping[str, object]) -> str:
        hashed.append(path)
        done.set()
        return ""

    monkeypatch.setattr(observing._FILES, "digest", digest)
    job = make_job()
    events = [["cd", str(files)], ["w", "own.txt", 1.0, False], ["r", "own.txt", 2.0]]
    lines = [json.dumps(events), json.dumps([["cd", str(files)], ["r", "read.txt", 3.0]])]
    (job.folder / "observed.jsonl").write_text(
        "\n".join(lines) + '\n[["cd", '
    )  # one is being written

    async def run() -> None:
        task = asyncio.create_task(observing.Observer(job, Mask([])).look_ahead())
        await asyncio.to_thread(done.wait)
        task.cancel()

    asyncio.run(run())
    assert hashed == [str(files / "read.txt")]


@pytest.mark.parametrize("warm", [True, False])
def test_what_a_kernel_does_at_its_end_counts(
    executor: NotebookExecutor, make_job: MakeJob, files: Path, warm: bool
) -> None:
    job = make_job(
        "import atexit, os, time\nopen('read.txt').read()\n"
        "os.path.exists('own.txt')\nbuffered = open('own.txt', 'w')\nbuffered.write('whole')",
        "@atexit.register\ndef at_the_end():\n"
        "    time.sleep(0.3)  # meanwhile what was read is looked at\n"
        "    open('child.txt').read()\n    open('last.txt', 'w').write('1')",
        warm=warm,
    )
    outcome = executor.execute(job)
    assert outcome.state is State.FINISHED, outcome.error
    assert set(outcome.observed["inputs"]) == {"read.txt", "child.txt", "own.txt"}
    assert outcome.observed["written"] == ["last.txt", "own.txt"]
    assert (files / "own.txt").read_text() == "whole"
    assert list(Check(files, {}, Files()).changes(outcome.observed)) == []


def test_what_is_told_late_may_have_happened_early(
    make_job: MakeJob, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looked = Observation.look, threading.Event()
    monkeypatch.setattr(Observation, "look", lambda self: (look(self), looked.set()))
    job = make_job()
    observer = observing.Observer(job, Mask([]))

    def tell(event: list[object]) -> None:
        with (job.folder / "observed.jsonl").open("a") as file:
            file.write(f"{json.dumps([['cd', str(files)], event])}\n")

    async def run() -> None:
        tell(["w", "data.txt", 2.0, True])
        task = asyncio.create_task(observer.look_ahead())
        observer.cells_ended()
        await asyncio.to_thread(looked.wait)
        tell(["r", "data.txt", 1.0])
        task.cancel()

    asyncio.run(run())
    assert "data.txt" in observer.observed(nbformat.v4.new_notebook(), {})["inputs"]


READS_OF_SECRET = """
import glob, os, pathlib, subprocess, sys
file = pathlib.Path("in", os.environ["SECRET"], "file.txt")
print(file.exists(), file.read_text(), os.listdir(file.parent), glob.glob(f"{file.parent}/*"))
file.with_name("own.txt").write_text("1")
subprocess.run([sys.executable, "-c", "import sys; open(sys.argv[1]).read()", file], check=True)
open("data.txt").read()
"""


@pytest.mark.parametrize("ends", ["", "raise ValueError"])
def test_paths_that_hold_a_secret_are_written_nowhere(
    executor: NotebookExecutor, make_job: MakeJob, files: Path, ends: str
) -> None:
    secret = "tops3cret&value"
    (files / "in" / secret).mkdir(parents=True)
    (files / "in" / secret / "file.txt").write_text("1")
    job = make_job(READS_OF_SECRET, ends, secrets={"SECRET": secret})
    outcome = executor.execute(job)
    assert (job.folder / "observed.jsonl").exists() == bool(ends)
    assert not ends or is_as_it_was(job, {"SECRET": secret})
    for file in (path for path in job.folder.rglob("*") if path.is_file()):
        assert "tops3cret" not in file.read_text(), file.name
    assert "data.txt" in outcome.observed["inputs"]
    assert not [path for path in outcome.observed["inputs"] if MASKED in path]
    assert outcome.observed["unseen"] == [
        "it uses files whose paths hold a secret, which are not kept or checked"
    ]


@pytest.mark.parametrize("warm", [True, False])
def test_what_goes_with_the_kernel_is_no_change(
    executor: NotebookExecutor, make_job: MakeJob, files: Path, warm: bool
) -> None:
    job = make_job(
        "import atexit, os, time\nfrom ipykernel import get_connection_file\n"
        "assert os.path.exists(get_connection_file())\n"
        "atexit.register(time.sleep, 0.3)  # meanwhile what was read is looked at",
        warm=warm,
    )
    outcome = executor.execute(job)
    assert outcome.state is State.FINISHED, outcome.error
    assert list(Check(files, {}, Files()).changes(outcome.observed)) == []
