"""MLflow goes away, or its database does: nothing is computed twice, and it has all once back."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nbexp
from nbexp import State
from nbexp.runs.events import Event, EventKind

COUNT = """\
import nbexp
with open("count.txt", "a") as file:
    file.write(f"{x}\\n")
nbexp.glue("y", x)
"""

LOCK = """\
import sqlite3, sys
own = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=600)
own.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


class Server:
    """A real MLflow server in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as own:
            own.bind(("127.0.0.1", 0))
            self._port = own.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://user:pAsSwOrD@127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1",
            "--port", str(self._port), "--backend-store-uri", f"sqlite:///{self._folder}/s.db",
            "--artifacts-destination", str(self._folder / "artifacts"),
        ]  # fmt: skip
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self._folder / "log.txt").read_text())

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Have it take connections, and answer nothing."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGCONT)

    def forget(self) -> None:
        """Delete the database; the server must not run."""
        (self._folder / "s.db").unlink()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


class Tracked:
    """A pipeline that counts its executions, and what MLflow has of it."""

    def __init__(self, project: Any, uri: str) -> None:
        project.template("count", COUNT, parameters="x = 0")
        self._project, self.uri = project, uri

    def run(self, *values: int, at_first_end: Any = None) -> tuple[nbexp.RunResult, list[str]]:
        listener = Listener(at_first_end)
        pipeline = nbexp.Pipeline.from_toml(self.write(*values))
        return pipeline.run(listeners=[listener]), listener.warnings

    def write(self, *values: int) -> Path:
        text = f"""\
            name = "lost"
            [tracking]
            uri = "{self.uri}"
            [stages.count]
            notebook = "templates/count.ipynb"
            params = {{ x = {{ grid = {list(values)} }} }}
        """
        return self._project.pipeline(text)

    @property
    def executions(self) -> Counter[str]:
        return Counter((self._project.folder / "templates" / "count.txt").read_text().split())

    def variants(self) -> Counter[str]:
        """Return how often MLflow has each value of x, in runs that have finished."""
        from mlflow import MlflowClient

        client = MlflowClient(self.uri)
        experiment = client.get_experiment_by_name("lost")
        runs = client.search_runs([experiment.experiment_id], "attributes.status = 'FINISHED'")
        keyed = [run for run in runs if "nbexp.key" in run.data.tags]
        parents = {run.data.tags["mlflow.parentRunId"] for run in keyed}
        assert parents <= {run.info.run_id for run in runs}
        assert all(run.data.metrics["y"] == float(run.data.params["x"]) for run in keyed)
        return Counter(run.data.params["x"] for run in keyed)


class Listener:
    """Does something once the first variant has ended, and keeps warnings."""

    def __init__(self, at_first_end: Any) -> None:
        self._at_first_end = at_first_end
        self.warnings: list[str] = []

    def notify(self, event: Event) -> None:
        if event.kind is EventKind.WARNING:
            self.warnings.append(event.data["message"])
        if event.kind is EventKind.VARIANT_ENDED and self._at_first_end is not None:
            act, self._at_first_end = self._at_first_end, None
            act()


@pytest.mark.timeout(900)  # a server starts three times
@pytest.mark.usefixtures("ray_cluster")
def test_server_that_is_away_before_during_and_after_runs_costs_nothing(
    project, server, capfd
) -> None:
    tracked = Tracked(project, server.uri)
    result, warnings = tracked.run(1, 2)  # before
    assert result.state is State.FINISHED
    assert [w for w in warnings if "can't be reached" in w]
    server.start()
    tracked.run(1, 2, 3)
    assert tracked.variants() == {"1": 1, "2": 1, "3": 1}

    result, warnings = tracked.run(1, 2, 3, 4, 5, at_first_end=server.stop)  # during
    assert result.state is State.FINISHED
    *_, told, at_end = [w for w in warnings if "not all of this run is tracked" in w]
    assert "can't be reached: " in told
    assert re.search(r"[1-5] of \d variants are not in MLflow: .*can't be reached: ", at_end)
    server.start()
    tracked.run(1, 2, 3, 4, 5)  # all of it is cached, and handed over
    assert tracked.variants() == dict.fromkeys("12345", 1)

    result, warnings = tracked.run(1, 2, 3, 4, 5, 6, 7, 8, at_first_end=server.freeze)
    assert result.state is State.FINISHED
    *told, at_end = [w for w in warnings if "not all of this run is tracked" in w]
    assert len(told) <= 1  # none if all had ended before it was noticed
    silent = "can't be reached: no answer within 3 s; it is asked again every 20 s"
    assert all(silent in each for each in (*told, at_end))
    assert re.search(r"[1-3] of 3 variants are not in MLflow: .*no answer", at_end)
    server.thaw()
    tracked.run(1, 2, 3, 4, 5, 6, 7, 8)
    assert tracked.variants() == dict.fromkeys("12345678", 1)

    server.stop()  # after
    server.forget()
    (project.folder / "runs" / ".index.db").unlink()
    server.start()
    tracked.run(1, 2, 3, 4, 5, 6, 7, 8)
    assert tracked.variants() == dict.fromkeys("12345678", 1)
    assert tracked.executions == dict.fromkeys("12345678", 1)
    shown = [p for p in project.folder.rglob("*") if p.is_file() and b"pAsSwOrD" in p.read_bytes()]
    assert shown == [project.folder / "pipeline.toml"]
    assert not [text for text in capfd.readouterr() if "pAsSwOrD" in text or "View run" in text]


@pytest.mark.usefixtures("ray_cluster")
def test_database_that_is_locked_during_a_run_is_told_and_filled_later(project) -> None:
    tracked = Tracked(project, "sqlite:///own.db")
    holders: list[subprocess.Popen[bytes]] = []

    def lock() -> None:
        command = [sys.executable, "-c", LOCK, str(project.folder / "own.db")]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"

    result, warnings = tracked.run(*range(1, 9), at_first_end=lock)
    (holder,) = holders
    holder.communicate()
    assert result.state is State.FINISHED
    *told, at_end = [w for w in warnings if "not all of this run is tracked" in w]
    assert len(told) <= 1  # none if all had ended before it was noticed
    locked = "own.db can't be used: another process holds its lock; it is asked again"
    assert all(locked in each for each in (*told, at_end))
    assert re.search(r"[1-8] of 8 variants are not in MLflow: .*holds its lock", at_end)
    tracked.run(*range(1, 9))
    tracked.uri = f"sqlite:///{project.folder}/own.db"
    assert tracked.variants() == dict.fromkeys("12345678", 1)
    assert tracked.executions == dict.fromkeys("12345678", 1)


@pytest.mark.usefixtures("ray_cluster")
def test_database_that_is_deleted_during_a_run_is_filled_again(project) -> None:
    database = project.folder / "own.db"
    tracked = Tracked(project, "sqlite:///own.db")
    result, _ = tracked.run(1, 2, 3, at_first_end=database.unlink)
    assert result.state is State.FINISHED
    tracked.write(1, 2, 3, 4)
    # In one process, MLflow goes on with the database that it has open, but by another name.
    assert project.start().wait() == 0
    tracked.uri = f"sqlite:///{project.folder}/runs/../own.db"
    assert tracked.variants() == dict.fromkeys("1234", 1)
    assert tracked.executions == dict.fromkeys("1234", 1)
