"""Which Ray a run uses."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nbexp.run import cluster_address


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which Ray tells where it runs."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    return tmp_path / "ray" / "ray_current_cluster"


@pytest.fixture
def running() -> Iterator[str]:
    """Listen at an address, as Ray does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_ray_that_answers_is_found(told: Path, running: str) -> None:
    assert cluster_address() is None
    told.write_text(running)
    assert cluster_address() == running


@pytest.mark.parametrize("text", ["127.0.0.1:1", "nonsense", "", "127.0.0.1:none"])
def test_one_that_does_not_answer_is_none(told: Path, text: str) -> None:
    told.write_text(text)
    assert cluster_address() is None


@pytest.mark.parametrize(
    ("named", "expected"), [("local", None), ("10.0.0.1:6379", "10.0.0.1:6379")]
)
def test_what_is_named_goes_before_what_is_found(
    told: Path, running: str, monkeypatch: pytest.MonkeyPatch, named: str, expected: str | None
) -> None:
    told.write_text(running)
    monkeypatch.setenv("RAY_ADDRESS", named)
    assert cluster_address() == expected


def test_ray_of_another_user_is_none(
    told: Path, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told.write_text(running)
    monkeypatch.setattr(os, "getuid", lambda: told.stat().st_uid + 1)
    assert cluster_address() is None


# In a process of its own: a test cluster can't live beside another Ray.
SCRIPT = """
import json, os, sys
from pathlib import Path
import nbexp, ray
from nbexp.run import Cluster, ClusterSettings
from ray.cluster_utils import Cluster as Running
running = Running(initialize_head=True, head_node_args={"num_cpus": 1})
folder = Path(sys.argv[1], "ray")
folder.mkdir()
(folder / "ray_current_cluster").write_text(running.address)
del os.environ["RAY_ADDRESS"]
os.environ["RAY_TMPDIR"] = sys.argv[1]
used = []
for version in (nbexp.__version__, "another"):
    nbexp.__version__ = version
    cluster = Cluster(ClusterSettings.from_environment())
    cluster.start()
    used.append(ray.get_runtime_context().gcs_address == running.address)
    cluster.close()
running.shutdown()
print(json.dumps(used))
"""


@pytest.mark.timeout(300)
def test_what_runs_is_used_unless_its_workers_are_of_another_version(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [True, False]
    assert "can't be used, so the run starts its own: its workers have Python" in done.stderr
