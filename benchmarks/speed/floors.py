"""What each part of a variant costs when nothing else is done: a lower bound for any runner.

Usage: python -m benchmarks.speed.floors process|kernel|save|mlflow|ray PROJECT

Prints seconds by name, as JSON; each is a median.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing
import os
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.speed.projects import CELLS, IMPORTS, NAME
from nbexp.run.tracker import Tracker
from nbexp.runs.record import VariantRecord

_TIMES = 50
_ROWS = 14  # a variant's in MLflow's tables, about: its run, parameters, metrics and tags


def median_s(action: Callable[[], object], times: int = _TIMES) -> float:
    """Return the median of an action's seconds, after one time that doesn't count."""
    action()
    took = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def process(_: Path) -> dict[str, float]:
    """Measure forking, IPython's kernel coming up, and killing, where all is imported."""
    import ipykernel.kernelapp  # noqa: F401

    for name in IMPORTS:
        importlib.import_module(name)
    for name in _in_child(lambda: (_become_kernel(), "\n".join(sys.modules))[1]).split("\n"):
        with contextlib.suppress(Exception):  # names that modules only register
            importlib.import_module(name)
    times = range(_TIMES)
    return {
        "fork_s": median_s(_fork_and_end),
        "kernel_s": statistics.median(float(_in_child(_become_kernel)) for _ in times),
        "kill_s": statistics.median(_kill_s() for _ in times),
    }


def _fork_and_end() -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _in_child(action: Callable[[], object]) -> str:
    """Return what an action gives in a forked process, as text."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(write, "w") as file:
                file.write(str(action()))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        text = file.read()
    os.waitpid(child, 0)
    return text


def _become_kernel() -> float:
    """Make this process a kernel that listens; return the seconds."""
    from ipykernel.kernelapp import IPKernelApp

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        app = IPKernelApp.instance(
            connection_file=f"{folder}/kernel.json", transport="ipc", ip=f"{folder}/socket"
        )
        app.initialize(["--HistoryManager.hist_file=:memory:"])
        return time.perf_counter() - began


def _kill_s() -> float:
    if not (child := os.fork()):
        signal.pause()
        os._exit(0)
    began = time.perf_counter()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return time.perf_counter() - began


def kernel(_: Path) -> dict[str, float]:
    """Measure an ordinary kernel: until it answers, and to execute a cell that does nothing."""
    from jupyter_client.manager import start_new_kernel

    began = time.perf_counter()
    manager, client = start_new_kernel(kernel_name="python3")
    started_s = time.perf_counter() - began
    cell_s = median_s(lambda: client.execute_interactive("pass", timeout=60))
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return {"ordinary_kernel_s": started_s, "cell_s": cell_s}


def save(project: Path) -> dict[str, float]:
    """Measure writing a notebook beside its place, and renaming it."""
    content = (project / f"{NAME}.ipynb").read_bytes()
    beside, place = project / "beside", project / "place"

    def write() -> None:
        beside.write_bytes(content)
        beside.replace(place)

    return {"save_s": median_s(write)}


def mlflow(project: Path) -> dict[str, float]:
    """Measure a variant's way through nbexp's tracker, and as many rows in SQLite."""
    import nbexp
    from nbexp.tracking import MlflowTracker

    pipeline = nbexp.Pipeline.from_toml(project / "pipeline.toml")
    tracker = MlflowTracker(pipeline.spec)
    tracker.open_run(project)
    _track(tracker, project)
    began = time.perf_counter()
    for _ in range(_TIMES):
        _track(tracker, project)
    tracker.close_run(nbexp.State.FINISHED)  # it writes in the background, until here
    return {"mlflow_s": (time.perf_counter() - began) / _TIMES, "rows_s": _rows_s(project)}


def _track(tracker: Tracker, project: Path) -> None:
    from nbexp.runs.outcome import Outcome
    from nbexp.states import State

    name, key, now = "sweep-3f9a2c81", "0123456789abcdef" * 4, time.time()
    parts = {"code": key, "params": {"n": key}}
    record = VariantRecord(
        name, "sweep", "n=0", {"n": 0}, {"sweep": name}, key, parts, "sweep.ipynb"
    )
    tracking_id, _ = tracker.begin(record, project)
    outcome = Outcome(name, key, State.FINISHED, now, now + 1, scraps={"square": 0}, cells=CELLS)
    tracker.finish(replace(record, tracking_id=tracking_id), outcome, project, lambda: None)


def _rows_s(project: Path) -> float:
    base = sqlite3.connect(project / "rows.db")
    base.execute("create table rows (run text, name text, value text)")
    row = ("0123456789abcdef" * 2, "nbexp.lineage", "sweep-3f9a2c81")

    def insert() -> None:
        with base:
            base.executemany("insert into rows values (?, ?, ?)", [row] * _ROWS)

    return median_s(insert)


def ray(project: Path) -> dict[str, float]:
    """Measure a call of a living actor with a job, and a pipe to a process and back."""
    from nbexp.execute import Job
    from nbexp.run import Cluster, ClusterSettings

    job = Job("sweep-3f9a2c81", project / f"{NAME}.ipynb", project, {"n": 0})
    cluster = Cluster(ClusterSettings.from_environment())
    cluster.start()
    import ray as ray_

    echo = ray_.remote(_Echo).remote()
    call_s = median_s(lambda: ray_.get(echo.back.remote(job)), times=500)
    cluster.close()
    return {"ray_s": call_s, "pipe_s": _pipe_s(job)}


class _Echo:
    def back(self, value: Any) -> Any:
        return value


def _pipe_s(value: Any) -> float:
    here, there = multiprocessing.Pipe()
    child = multiprocessing.Process(target=_answer, args=(there,), daemon=True)
    child.start()

    def call() -> None:
        here.send(value)
        here.recv()

    taken = median_s(call, times=500)
    child.kill()
    child.join()
    return taken


def _answer(there: Any) -> None:
    while True:
        there.send(there.recv())


MEASURES = {"process": process, "kernel": kernel, "save": save, "mlflow": mlflow, "ray": ray}

if __name__ == "__main__":
    print(json.dumps(MEASURES[sys.argv[1]](Path(sys.argv[2]))))
