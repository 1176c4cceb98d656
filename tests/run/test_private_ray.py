"""The Ray that a run starts: nobody else gets in, and the run doesn't outlast it."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from nbexp import State
from nbexp.runs.results import RunResult

PIPELINE = """
name = "private"
[stages.quick]
notebook = "templates/quick.ipynb"
[stages.slow]
notebook = "templates/slow.ipynb"
after = ["quick"]
"""
SLOW = """\
import os, time
print("begun", "AUTH" in " ".join(os.environ))
while not os.path.exists(os.environ["GO"]):
    time.sleep(0.05)
"""
AUTHENTICATION = {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"}


@pytest.fixture
def starting(project) -> Iterator[Popen]:
    """A run that starts."""
    project.template("quick", "import nbexp\nnbexp.glue('value', 1)")
    project.template("slow", SLOW)
    project.pipeline(PIPELINE)
    process = start(project)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def begun(project, starting) -> Popen:
    """A run whose first variant has finished, and whose second runs until it may go on."""
    until(lambda: any(map(_says_begun, project.folder.glob("runs/*/variants/slow*/log.txt"))))
    return starting


def start(project) -> Popen:
    return project.start(environment={"GO": str(project.folder / "go")})


def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.05)


def _says_begun(log: Path) -> bool:
    return "begun" in log.read_text()


def of_name(process: Popen, name: str) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child] if child.name() == name else []
    return found


def output(project) -> str:
    return (project.folder / "out.txt").read_text()


def rays_folder(raylet: psutil.Process) -> Path:
    argument = next(a for a in raylet.cmdline() if a.startswith("--session_dir="))
    return Path(argument.partition("=")[2]).parents[1]


def private(folder: Path) -> bool:
    state = folder.lstat()
    return (stat.S_IFMT(state.st_mode), state.st_mode & 0o077, state.st_uid) == (
        stat.S_IFDIR,
        0,
        os.getuid(),
    )


@pytest.mark.timeout(300)
def test_only_its_user_reaches_ray_and_a_hangup_stops_the_run(project, begun):
    (raylet,) = of_name(begun, "raylet")
    folder = rays_folder(raylet)
    assert private(folder)
    token = folder / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600

    processes = [psutil.Process(begun.pid), *psutil.Process(begun.pid).children(recursive=True)]
    listening = {
        (process.name(), connection.laddr.ip)
        for process in processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {"gcs_server", "raylet"} <= {name for name, _ in listening}
    assert {address for _, address in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}

    secret = token.read_text()
    for process in processes:
        assert secret not in " ".join([*process.cmdline(), *process.environ().values()])
    assert raylet.environ().keys() >= AUTHENTICATION
    (log,) = project.folder.glob("runs/*/variants/slow*/log.txt")
    assert "begun False" in log.read_text()

    begun.send_signal(signal.SIGHUP)
    assert begun.wait() == 129
    assert not folder.exists()
    (run,) = project.runs()
    assert [v.state for v in RunResult.read(run).variants] == [State.FINISHED, State.STOPPED]


@pytest.mark.timeout(300)
def test_run_that_is_terminated_while_ray_starts_leaves_nothing(starting):
    until(lambda: of_name(starting, "raylet"))
    (raylet,) = of_name(starting, "raylet")
    folder = rays_folder(raylet)
    children = psutil.Process(starting.pid).children(recursive=True)
    starting.terminate()
    assert starting.wait() in (-signal.SIGTERM, 128 + signal.SIGTERM)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert not folder.exists()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_run_whose_ray_dies_says_so_and_the_next_one_goes_on(project, begun, name):
    (victim,) = of_name(begun, name)
    children = psutil.Process(begun.pid).children(recursive=True)
    victim.kill()
    assert begun.wait() == 1
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    errors = [line for line in output(project).splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    assert f"its process {name} ({victim.pid}) was killed by SIGKILL" in errors[0]
    assert "(raylet)" not in output(project)
    (run,) = project.runs()
    assert [v.state for v in RunResult.read(run).variants] == [State.FINISHED, State.STOPPED]

    (project.folder / "go").touch()
    if name == "raylet":
        assert start(project).wait() == 0
        states = {v.stage: v.state for v in RunResult.read(project.runs()[-1]).variants}
        assert states == {"quick": State.CACHED, "slow": State.FINISHED}


# Root may start whatever it likes, so the script is somebody else.
LIMITED = """
import os, resource
from nbexp.run import Cluster, ClusterSettings
cluster = Cluster(ClusterSettings.from_environment())
cluster.load()
os.getuid = lambda: 1
resource.setrlimit(resource.RLIMIT_NPROC, (60, resource.getrlimit(resource.RLIMIT_NPROC)[1]))
cluster.start()
"""


def test_too_few_processes_are_told_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False
    )
    expected = (
        "it needs at least 140 processes and threads, and this user may have 60 (`ulimit -u`)"
    )
    assert expected in done.stderr.splitlines()[-1]
