"""The driver is killed with SIGKILL, or started twice: nothing is lost, and nothing is left."""

import os
import random
import signal
import time
from collections import Counter

import psutil
import pytest

from nbexp import State
from nbexp.lines import read_lines
from nbexp.runs.results import RunResult

VARIANTS = 50
KILLS = 10

PIPELINE = f"""
name = "kill"
[stages.count]
notebook = "templates/count.ipynb"
params = {{ x = {{ grid = {list(range(VARIANTS))} }} }}
[stages.total]
notebook = "templates/total.ipynb"
params = {{ values = "@count[*].value" }}
"""


@pytest.fixture
def counted(project):
    """A project whose notebooks count how often each value was computed to the end."""
    project.template(
        "count",
        "import nbexp, os, time\ntime.sleep(0.3)\nnbexp.glue('value', x * x)",
        "with open(os.environ['COUNTED'], 'a') as file:\n    file.write(f'{x}\\n')",
        parameters="x = 0",
    )
    project.template("total", "import nbexp\nnbexp.glue('total', sum(values))",
                     parameters="values = []")  # fmt: skip
    project.pipeline(PIPELINE)
    return project


def start(project):
    return project.start(environment={"COUNTED": str(project.folder / "counted.txt")})


def counts(project) -> Counter:
    path = project.folder / "counted.txt"
    return Counter(map(int, path.read_text().split())) if path.exists() else Counter()


def events(project, run):
    return list(read_lines(project.folder / "runs" / run / "events.jsonl"))


def await_start(project, process, known) -> None:
    """Wait until the run of a process has started a variant; or the process has ended."""
    while process.poll() is None:
        for run in project.runs():
            lines = events(project, run.name) if run.name not in known else []
            if any(line["event"] == "variant_started" for line in lines):
                return
        time.sleep(0.02)


def in_flight(project, run) -> set[str]:
    """Return the variants of a run that had started, and had not ended when it was cut off."""
    lines = [
        e
        for e in events(project, run)
        if "variant" in e and e.get("reason") != "the run was cut off"
    ]
    started = {e["variant"] for e in lines if e["event"] == "variant_started"}
    return started - {e["variant"] for e in lines if e["event"] == "variant_ended"}


@pytest.mark.timeout(900)
def test_killed_driver_loses_no_finished_variant_and_leaves_no_process(counted):
    rng = random.Random(20)
    flying: Counter = Counter()
    kills = 0
    while kills < KILLS and len(counts(counted)) < VARIANTS:
        known = {run.name for run in counted.runs()}
        process = start(counted)
        await_start(counted, process, known)
        time.sleep(rng.uniform(0.0, 1.5))
        kills += 1
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(children, timeout=5)
        assert alive == []
        for run in counted.runs():
            if run.name not in known:
                flying.update(in_flight(counted, run.name))
    assert start(counted).wait() == 0
    assert kills == KILLS
    result = RunResult.read(counted.runs()[-1])
    assert result.state is State.FINISHED
    assert result.stage("total")[0].scraps["total"] == sum(x * x for x in range(VARIANTS))
    by_value = {v.params["x"]: v for v in result.stage("count")}
    assert {x: v.scraps["value"] for x, v in by_value.items()} == {
        x: x * x for x in range(VARIANTS)
    }
    for x, times in counts(counted).items():
        assert times <= 1 + flying[by_value[x].name], f"{x} was computed {times} times"


@pytest.mark.timeout(300)
def test_two_runs_at_once_share_the_work(counted):
    first, second = start(counted), start(counted)
    assert (first.wait(), second.wait()) == (0, 0)
    assert counts(counted) == Counter(range(VARIANTS))
    for run in counted.runs():
        result = RunResult.read(run)
        assert result.state is State.FINISHED
        assert len(result.variants) == VARIANTS + 1


@pytest.mark.timeout(300)
def test_interrupted_run_ends_its_kernels_and_keeps_partial_notebooks(project):
    project.template("slow", "print('begun')", "import time; time.sleep(100)", parameters="x = 0")
    project.pipeline(
        '[stages.slow]\nnotebook = "templates/slow.ipynb"\nparams = { x = { grid = [1, 2, 3] } }'
    )
    process = project.start()
    await_start(project, process, set())
    (run,) = project.runs()
    while not any("begun" in log.read_text() for log in run.glob("variants/*/log.txt")):
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    result = RunResult.read(run)
    assert [v.state for v in result.variants] == [State.STOPPED] * 3
    assert any("begun" in v.notebook.read_text() for v in result.variants if v.notebook.exists())
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.folder / 'mlflow.db'}")
    experiments = [e.experiment_id for e in client.search_experiments()]
    assert {r.info.status for r in client.search_runs(experiments)} == {"KILLED"}


@pytest.mark.timeout(300)
def test_lost_worker_costs_one_variant_its_attempt_and_nothing_else(counted):
    process = start(counted)
    await_start(counted, process, set())
    workers = [
        child for child in psutil.Process(process.pid).children(recursive=True)
        if child.name().startswith("ray::Worker") or "ray::Worker" in " ".join(child.cmdline())
    ]  # fmt: skip
    os.kill(workers[0].pid, signal.SIGKILL)
    assert process.wait() == 0
    result = RunResult.read(counted.runs()[-1])
    assert result.state is State.FINISHED
    assert all(times <= 2 for times in counts(counted).values())
