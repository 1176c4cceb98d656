"""A Ray cluster of the user's own: it wants its token, and a run doesn't wait for one that died."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbexp import State
from nbexp.run import liveness
from nbexp.run.liveness import Liveness
from nbexp.run.worker import LIGHT
from nbexp.runs.results import RunResult

PIPELINE = """
name = "cluster"
[stages.quick]
notebook = "templates/quick.ipynb"
[stages.endless]
notebook = "templates/endless.ipynb"
after = ["quick"]
"""
ENDLESS = "import time\nprint('begun', flush=True)\ntime.sleep(3600)"
# In a process of its own: a test cluster can't live beside another Ray.
CLUSTER = """
import json, sys
from ray.cluster_utils import Cluster
running = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
(raylet,) = running.head_node.all_processes["raylet"]
print(json.dumps([running.address, raylet.process.pid]), flush=True)
sys.stdin.read()
running.shutdown()
"""


@pytest.fixture
def token(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "token"
    file.write_text("0123456789abcdef" * 4)
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}


@pytest.fixture
def cluster(tmp_path: Path, token: dict[str, str]) -> Iterator[list[Any]]:
    """The address of a cluster, and its raylet's process."""
    with (tmp_path / "cluster.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER],
            env={**os.environ, **token, "PYTHONPATH": LIGHT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        assert line, (tmp_path / "cluster.txt").read_text()
        yield json.loads(line)
    finally:
        process.communicate()


@pytest.mark.timeout(300)
def test_run_needs_the_token_and_ends_if_the_raylet_dies(project, module_project, cluster, token):
    address, raylet = cluster
    for each in (project, module_project):
        each.template("quick", "import nbexp\nnbexp.glue('value', 1)")
        each.template("endless", ENDLESS)
        each.pipeline(PIPELINE)
    named = {"RAY_ADDRESS": address}
    refused = module_project.start(environment=named)
    going = project.start(environment={**named, **token})
    assert refused.wait() == 1
    told = (module_project.folder / "out.txt").read_text().splitlines()[-1]
    assert told.startswith(f"Error: Ray can't be used at RAY_ADDRESS={address}: ")
    assert "started with RAY_AUTH_MODE=token, set that for nbexp too" in told

    logs = "runs/*/variants/endless*/log.txt"
    while not any("begun" in log.read_text() for log in project.folder.glob(logs)):
        assert going.poll() is None, (project.folder / "out.txt").read_text()
    os.kill(raylet, signal.SIGKILL)
    assert going.wait() == 1
    told = (project.folder / "out.txt").read_text().splitlines()[-1]
    assert told.startswith(f"Error: Ray has died: the raylet of the cluster at {address} is gone")
    (run,) = project.runs()
    assert [v.state for v in RunResult.read(run).variants] == [State.FINISHED, State.STOPPED]


def test_gcs_may_come_back_within_its_time(monkeypatch):
    monkeypatch.setattr(liveness, "_LOOK_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as raylet:
        there = f"127.0.0.1:{raylet.getsockname()[1]}"
        assert Liveness(there, there).lost() is None
        half = Liveness("127.0.0.1:1", there)
        assert half.lost() is None
        monkeypatch.setattr(liveness, "_PATIENCE_S", 0.0)
        assert "the GCS of the cluster at 127.0.0.1:1 is gone" in half.lost()
    assert f"the raylet of the cluster at {there} is gone" in Liveness(there, there).lost()
