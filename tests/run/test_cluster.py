"""Stages with resources of their own, on a Ray cluster of several nodes."""

import json
import subprocess
import sys

import pytest

from nbexp import State
from nbexp.runs.results import RunResult

PIPELINE = """
name = "nodes"
[stages.plain]
notebook = "templates/where.ipynb"
params = { x = { grid = [1, 2, 3] } }
[stages.special]
notebook = "templates/where.ipynb"
params = { x = 4 }
resources = { cpu = 1, special = 1 }
[stages.wide]
notebook = "templates/where.ipynb"
params = { x = "@special.next" }
resources = { cpu = 2 }
"""

# In a process of its own: a test cluster can't live beside another Ray.
SCRIPT = """
import json, os, sys
import nbexp
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
cluster.add_node(num_cpus=2, resources={"special": 1})
os.environ["RAY_ADDRESS"] = cluster.address
result = nbexp.Pipeline.from_toml("pipeline.toml").run()
problem = ""
try:
    nbexp.Pipeline.from_toml("large.toml").run()
except nbexp.PipelineError as error:
    problem = str(error)
print(json.dumps([str(result.folder), problem]))
cluster.shutdown()
"""


@pytest.fixture
def outcome(project):
    project.template(
        "where",
        "import torch, nbexp\nnbexp.glue('threads', torch.get_num_threads())",
        "import os",
        "nbexp.glue('next', x + 1)\n"
        "nbexp.glue('inherited', [n for n in os.environ if n.startswith('RAY_')])",
        parameters="x = 0",
    )
    project.pipeline(PIPELINE)
    (project.folder / "large.toml").write_text(PIPELINE.replace("cpu = 2", "cpu = 3"))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder, problem = json.loads(done.stdout.splitlines()[-1])
    return RunResult.read(project.folder / folder), problem


@pytest.mark.timeout(300)
def test_stages_run_where_their_resources_are(project, outcome):
    result, problem = outcome
    assert result.state is State.FINISHED
    threads = {v.stage: v.scraps["threads"] for v in result.variants}
    assert threads == {"plain": 1, "special": 1, "wide": 2}
    workers_own = {"RAY_JOB_ID", "RAY_RAYLET_PID"}
    assert all(workers_own.isdisjoint(v.scraps["inherited"]) for v in result.variants)
    assert "large.toml: stages.wide.resources" in problem
    assert "no node has CPU = 3" in problem
    assert len(project.runs()) == 1  # the second left nothing behind
