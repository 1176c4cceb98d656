from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from notebook_files import await_log, cell_states, is_gone, read_cells

from nbexp.execute import Job, NotebookExecutor
from nbexp.files import read_json
from nbexp.runs.outcome import Outcome
from nbexp.states import State

MakeJob = Callable[..., Job]
PIDS = """\
import os, subprocess
child = subprocess.Popen(['sleep', '300'])
print('pids', os.getpid(), child.pid, flush=True)
"""
SLEEP = "import time\nprint('asleep', flush=True)\ntime.sleep(300)"
SWALLOW = """\
import time
print('asleep', flush=True)
while True:
    try:
        time.sleep(300)
    except KeyboardInterrupt:
        print('swallowed', flush=True)
"""


def pids(folder: Path) -> list[int]:
    line = next(x for x in (folder / "log.txt").read_text().splitlines() if x.startswith("pids "))
    return [int(word) for word in line.split()[1:]]


class Running:
    """A job in a thread of its own, as in a worker."""

    def __init__(self, executor: NotebookExecutor, job: Job) -> None:
        self._outcomes: list[Outcome] = []
        self._thread = threading.Thread(target=lambda: self._outcomes.append(executor.execute(job)))
        self._thread.start()

    def outcome(self) -> Outcome:
        self._thread.join(60)
        return self._outcomes[0]


def test_killed_kernel_is_noticed_and_told_apart(
    executor: NotebookExecutor, make_job: MakeJob
) -> None:
    job = make_job(
        "x = 1", "import os, signal\nprint('before', flush=True)\nos.kill(os.getpid(), 9)", "x"
    )
    outcome = executor.execute(job)
    assert outcome.state is State.FAILED
    assert outcome.duration_s < 8
    error = outcome.error
    assert error is not None
    assert (error.name, error.cell) == ("KernelDied", 2)
    assert error.message.startswith("the kernel was killed by signal 9 (SIGKILL): often it is out")
    assert error.source.startswith("import os, signal")
    assert cell_states(job.folder) == ["completed", "failed", "pending"]
    assert "An Exception was encountered" in read_cells(job.folder)[0].source
    assert Outcome.from_record(read_json(job.folder / "result.json")) == outcome


def test_kernel_killed_from_outside_keeps_its_outputs(
    executor: NotebookExecutor, make_job: MakeJob
) -> None:
    job = make_job(PIDS, SLEEP)
    running = Running(executor, job)
    await_log(job.folder, "asleep\n")
    kernel, child = pids(job.folder)
    start = time.monotonic()
    os.kill(kernel, signal.SIGSEGV)
    outcome = running.outcome()
    assert time.monotonic() - start < 3
    assert outcome.error is not None
    assert "signal 11 (SIGSEGV): compiled code crashed" in outcome.error.message
    assert is_gone(child)
    assert any(
        output.text == "asleep\n"
        for c in read_cells(job.folder)
        for output in c.get("outputs", [])
        if "text" in output
    )


@pytest.mark.parametrize("code", [0, 7])
def test_process_that_ends_itself_is_a_failure(
    executor: NotebookExecutor, make_job: MakeJob, code: int
) -> None:
    outcome = executor.execute(make_job(f"import os\nos._exit({code})"))
    assert outcome.error is not None
    assert f"the kernel ended with exit code {code}: " in outcome.error.message


def test_timeout_interrupts_the_cell(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job(PIDS, SLEEP, "print('never')", timeout_s=3.0)
    outcome = executor.execute(job)
    assert outcome.state is State.TIMED_OUT
    assert outcome.error is not None
    assert outcome.error.message.startswith("the notebook ran longer than its 3 s")
    assert (outcome.error.cell, outcome.cells) == (2, 1)
    assert cell_states(job.folder) == ["completed", "failed", "pending"]
    assert "KeyboardInterrupt" in (job.folder / "log.txt").read_text()
    assert all(is_gone(pid) for pid in pids(job.folder))


def test_timeout_counts_the_kernels_start(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job("x = 1", timeout_s=0.05, warm=False)
    outcome = executor.execute(job)
    assert outcome.state is State.TIMED_OUT
    assert outcome.duration_s < 2
    assert cell_states(job.folder) == ["pending"]


def test_stop_kills_a_cell_that_swallows_interrupts(
    executor: NotebookExecutor, make_job: MakeJob
) -> None:
    job = make_job(SWALLOW, "print('never')")
    running = Running(executor, job)
    await_log(job.folder, "asleep\n")
    assert cell_states(job.folder)[1] == "pending"  # a partial notebook is there
    executor.stop()
    executor.stop()
    outcome = running.outcome()
    assert outcome.state is State.STOPPED
    assert outcome.error is not None
    assert (outcome.error.name, outcome.error.cell) == ("Stopped", 1)
    assert cell_states(job.folder) == ["failed", "pending"]
    assert "swallowed\n" in (job.folder / "log.txt").read_text()


def test_cell_that_ends_well_after_an_interrupt_is_the_last(
    executor: NotebookExecutor, make_job: MakeJob
) -> None:
    cell = f"try:\n{textwrap.indent(SLEEP, '    ')}\nexcept KeyboardInterrupt: print('caught')"
    job = make_job(cell, "print('never')")
    running = Running(executor, job)
    await_log(job.folder, "asleep\n")
    executor.stop()
    assert running.outcome().state is State.STOPPED
    assert cell_states(job.folder) == ["completed", "pending"]
    log = (job.folder / "log.txt").read_text()
    assert "caught\n" in log
    assert "never" not in log


def test_stop_before_the_kernel_is_up(executor: NotebookExecutor, make_job: MakeJob) -> None:
    executor.stop()  # without a job it does nothing
    job = make_job("print('never')", warm=False)
    running = Running(executor, job)
    await_log(job.folder, "===")
    executor.stop()
    assert running.outcome().state is State.STOPPED
    assert cell_states(job.folder) == ["pending"]


def test_stop_while_a_warm_parent_is_silent(
    executor: NotebookExecutor, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, silent = socket.socketpair()
    monkeypatch.setattr("nbexp.warm.client.connect", lambda _: ours)
    job = make_job("print('never')")
    with silent:
        running = Running(executor, job)
        silent.recv(1)  # the request has come
        executor.stop()
        assert running.outcome().state is State.STOPPED
    assert cell_states(job.folder) == ["pending"]


def test_stop_in_another_language(
    executor: NotebookExecutor, make_job: MakeJob, bash_kernel: None
) -> None:
    job = make_job("echo asleep\nsleep 300", "echo never", kernel="bash", language="bash")
    running = Running(executor, job)
    await_log(job.folder, "asleep\n")
    executor.stop()
    assert running.outcome().state is State.STOPPED
    assert cell_states(job.folder) == ["failed", "pending"]


def test_second_job_at_a_time_is_refused(executor: NotebookExecutor, make_job: MakeJob) -> None:
    job = make_job(SLEEP)
    running = Running(executor, job)
    await_log(job.folder, "asleep\n")
    with pytest.raises(RuntimeError, match="no running job"):
        executor.execute(job)
    executor.stop()
    running.outcome()


def test_no_kernel_outlives_a_killed_worker(make_job: MakeJob, tmp_path: Path) -> None:
    job = make_job(PIDS, SLEEP)
    worker = f"""
from pathlib import Path
from nbexp.execute import Job, NotebookExecutor
NotebookExecutor().execute(Job("v", Path({str(job.template)!r}), Path({str(job.folder)!r}), {{}}))
"""
    temporary = tmp_path / "t"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", worker], env={**os.environ, "TMPDIR": str(temporary)}
    )
    await_log(job.folder, "asleep\n")
    process.kill()
    process.wait()
    assert all(is_gone(pid) for pid in pids(job.folder))
    assert not (job.folder / "result.json").exists()


def test_worker_leaves_no_temporary_folder_and_prints_nothing(
    make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job("print('hello')", "import os; os.system('echo to the terminal >&2')")
    worker = f"""
from pathlib import Path
from nbexp.execute import Job, NotebookExecutor
executor = NotebookExecutor()
job = Job("v", Path({str(job.template)!r}), Path({str(job.folder)!r}), {{"unknown": 1}})
for _ in range(2):
    executor.execute(job)
executor.close()
"""
    temporary = Path("/tmp") / f"nbexp-test-{os.getpid()}"
    temporary.mkdir()
    try:
        done = subprocess.run(
            [sys.executable, "-c", worker],
            env={**os.environ, "TMPDIR": str(temporary)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert (done.stdout, done.stderr) == ("", "")
        assert list(temporary.iterdir()) == []
    finally:
        temporary.rmdir()
