"""What a run leaves in MLflow, on SQLite beside the pipeline."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import nbexp
from nbexp import State

PIPELINE = """
name = "tracked"
[stages.make]
notebook = "templates/make.ipynb"
params = { n = { grid = [1, 2] }, model = { name = "mlp", width = 8 } }
metric = "own"
[stages.use]
notebook = "templates/use.ipynb"
params = { score = "@make.score", own = "@make.own" }
"""

MAKE = """
import mlflow, nbexp
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
nbexp.glue("score", n * 0.5)
nbexp.glue("label", "good")
figure = plt.figure()
nbexp.glue("curve", figure)
mlflow.log_metric("own", n)
mlflow.log_param("n", f"{n} by hand")
"""


def write(path: Path, source: str, parameters: str) -> None:
    cells = [nbformat.v4.new_code_cell(parameters), nbformat.v4.new_code_cell(source)]
    cells[0].metadata["tags"] = ["parameters"]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), path)


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """Return the folder, the result and all MLflow runs of one run, in a git repository."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("tracked")
    write(folder / "templates/make.ipynb", MAKE, "n = 0\nmodel = {}")
    write(folder / "templates/use.ipynb", "assert score < 1, 'too good'", "score = own = 0")
    (folder / "pipeline.toml").write_text(PIPELINE)
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "start"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (folder / "pipeline.toml").write_text(PIPELINE + "# changed\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("RAY_ADDRESS", "local")
        result = nbexp.Pipeline.from_toml(folder / "pipeline.toml").run()
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tracked")
    return folder, result, client, client.search_runs([experiment.experiment_id])


def parent_of(runs):
    return next(run for run in runs if "mlflow.parentRunId" not in run.data.tags)


def child_of(runs, name):
    return next(run for run in runs if run.data.tags.get("nbexp.variant") == name)


def test_there_is_a_parent_and_a_child_for_each_variant_executed(tracked):
    _, result, _, runs = tracked
    parent = parent_of(runs)
    children = [run for run in runs if "nbexp.variant" in run.data.tags]
    assert {run.data.tags["nbexp.variant"] for run in children} == {
        v.name for v in result.variants if v.state is not State.SKIPPED
    }
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert parent.info.run_name == result.id
    assert parent.info.status == "FAILED"


def test_child_has_parameters_metrics_and_tags(tracked):
    _, result, _, runs = tracked
    variant = next(v for v in result.stage("use") if v.state is State.FINISHED)
    child = child_of(runs, variant.name)
    assert child.info.status == "FINISHED"
    assert child.data.params == {"score": "0.5", "own": "1.0"}
    tags = child.data.tags
    assert json.loads(tags["nbexp.lineage"]) == dict(variant.lineage)
    assert len(tags["nbexp.key"]) == 64
    assert len(tags["nbexp.notebook_hash"]) == 64
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["nbexp.git_dirty"] == "true"


def test_what_notebook_logs_is_in_a_run_below_and_its_numbers_are_the_variants_too(tracked):
    _, result, _, runs = tracked
    for variant in result.stage("make"):
        child, n = child_of(runs, variant.name), variant.params["n"]
        assert child.data.metrics == {"score": n * 0.5, "own": n}
        assert child.data.params == {"n": str(n), "model.name": "mlp", "model.width": "8"}
        (below,) = (
            run for run in runs if run.data.tags.get("mlflow.parentRunId") == child.info.run_id
        )
        assert (below.data.metrics, below.data.params) == ({"own": n}, {"n": f"{n} by hand"})
        assert below.info.status == "FINISHED"
        told = (
            f"it logged other parameters to MLflow than it has: n = {n} by hand (it ran with {n})"
        )
        assert child.data.tags["nbexp.note"] == told


def test_link_and_metric_take_what_is_only_logged_to_mlflow(tracked):
    _, result, _, _ = tracked
    assert sorted(v.params["own"] for v in result.stage("use")) == [1.0, 2.0]
    assert sorted(v.metric for v in result.stage("make")) == [1.0, 2.0]
    table = result.dataframe("make")
    assert sorted(table["logged.own"]) == [1.0, 2.0]
    assert "logged.score" not in table, "it was glued"


def test_notebook_log_and_figures_are_artifacts(tracked):
    _, result, client, runs = tracked
    child = child_of(runs, result.stage("make")[0].name)
    assert {item.path for item in client.list_artifacts(child.info.run_id)} == {
        "notebook.ipynb", "log.txt", "figures",
    }  # fmt: skip
    figures = [item.path for item in client.list_artifacts(child.info.run_id, "figures")]
    assert "figures/curve.png" in figures


def test_failed_variant_is_failed_without_a_key(tracked):
    _, result, _, runs = tracked
    variant = next(v for v in result.stage("use") if v.state is State.FAILED)
    child = child_of(runs, variant.name)
    assert child.info.status == "FAILED"
    assert "nbexp.key" not in child.data.tags
    assert "too good" in child.data.tags["nbexp.error"]


PLAN = """
import sys, nbexp
plan = nbexp.Pipeline.from_toml("pipeline.toml").plan()
print(*{v.state.value for v in plan.stages[0].variants}, plan.stages[1].work.mean > 0)
print({"ray", "mlflow"} & set(sys.modules))
"""


def test_plan_needs_neither_ray_nor_mlflow(tracked):
    done = subprocess.run(
        [sys.executable, "-c", PLAN], cwd=tracked[0], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["cached True", "set()"]


def test_variant_deleted_in_mlflow_is_still_cached(tracked):
    folder, result, client, runs = tracked
    variant = result.stage("make")[0]
    client.delete_run(child_of(runs, variant.name).info.run_id)
    plan = nbexp.Pipeline.from_toml(folder / "pipeline.toml").plan(only=["make"])
    assert {v.state for v in plan.variants} == {State.CACHED}


@pytest.mark.parametrize(
    ("setting", "variable", "expected"),
    [
        (None, None, "sqlite:///{folder}/mlflow.db"),
        (None, "http://localhost:1", "http://localhost:1"),
        (None, "sqlite:///own.db", "sqlite:///{here}/own.db"),
        ("sqlite:///own.db", "http://localhost:1", "sqlite:///{folder}/own.db"),
        ("sqlite:////tmp/own.db", None, "sqlite:////tmp/own.db"),
        ("store", None, "{folder}/store"),
        ("https://example.org", None, "https://example.org"),
    ],
)
def test_tracking_uri_comes_from_the_file_then_the_environment_then_beside(
    tmp_path, monkeypatch, setting, variable, expected
):
    from nbexp.pipeline import build_pipeline
    from nbexp.tracking import tracking_uri

    write(tmp_path / "a.ipynb", "", "x = 1")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if variable:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", variable)
    monkeypatch.chdir(tmp_path.parent)
    tables = {"stages": {"a": {"notebook": "a.ipynb"}}}
    tables |= {"tracking": {"uri": setting}} if setting else {}
    pipeline = build_pipeline(tables, folder=tmp_path)
    assert tracking_uri(pipeline) == expected.format(folder=tmp_path, here=tmp_path.parent)
