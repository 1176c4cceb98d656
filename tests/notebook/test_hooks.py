"""MLflow in a run, with real runs in SQLite, in the process that a notebook would be."""

import contextlib
import io
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nbexp.files import read_json, write_json
from nbexp.metrics import read_metrics, summary
from nbexp.notebook import hooks, session
from nbexp.notebook.tracked import began_runs, other_params

# MLflow's own tables use what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

INSTALL = '__import__("nbexp.notebook.hooks", fromlist=["install"]).install()\n'
REPORT = """
import json as _json, mlflow as _mlflow
_client = _mlflow.MlflowClient(_home)
_names = {e.experiment_id: e.name for e in _client.search_experiments()}
print("REPORT" + _json.dumps([
    {"id": r.info.run_id, "experiment": _names[r.info.experiment_id], "name": r.info.run_name,
     "status": r.info.status, "params": r.data.params, "metrics": r.data.metrics,
     "tags": r.data.tags}
    for r in _client.search_runs(list(_names), order_by=["start_time"])
]))
"""


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A database with one experiment and the variant's run: making one takes seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    code = f"""
import mlflow
client = mlflow.MlflowClient("sqlite:///{path}")
experiment = client.create_experiment("digits", artifact_location="{path.parent}")
tags = {{"nbexp.run": "digits-1"}}
print("IDS", experiment, client.create_run(experiment, run_name="train-1", tags=tags).info.run_id)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    experiment, run = done.stdout.split("IDS")[-1].split()
    return path, experiment, run


class Notebook:
    """Runs code as a notebook's kernel would, and returns the runs that MLflow has then.

    Attributes:
        output: What the code printed.
        folder: The variant's folder.
    """

    def __init__(self, folder: Path, experiment: str, run: str) -> None:
        self.run = run
        self.output = ""
        self.folder = folder / "variant"
        self.folder.mkdir()
        write_json(self.folder / "variant.json", {"params": {"lr": 0.1, "flag": True, "n": [1]}})
        self._here = folder
        self.by_hand = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}"}
        self.environment = self.by_hand | {
            "MLFLOW_EXPERIMENT_ID": experiment,
            "MLFLOW_RUN_ID": run,
            "NBEXP_MLFLOW_EXPERIMENT_ID": experiment,
            "NBEXP_MLFLOW_RUN_ID": run,
            "NBEXP_FOLDER": str(self.folder),
        }

    def execute(self, code: str) -> dict[str, dict]:
        """Run code in a new process, where MLflow is not imported yet."""
        done = subprocess.run(
            [sys.executable, "-c", self._whole(INSTALL + code)],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._here,
            env=os.environ | self.environment,
        )
        assert done.returncode == 0, done.stderr
        return self._taken(done.stdout)

    def _whole(self, code: str) -> str:
        return f"_home = {self.by_hand['MLFLOW_TRACKING_URI']!r}\n{code}{REPORT}"

    def _taken(self, output: str) -> dict[str, dict]:
        self.output, _, report = output.partition("REPORT")
        return {run["id"]: run for run in json.loads(report)}

    def logged(self) -> dict[str, list[tuple[int, float]]]:
        """Return steps and values of what the variant keeps of what MLflow was told."""
        found: dict[str, list[tuple[int, float]]] = {}
        for entry in read_metrics(self.folder / "metrics.jsonl"):
            for name, value in entry.values.items():
                found.setdefault(name, []).append((entry.step, value))
        return found


class WarmNotebook(Notebook):
    """The same in this process, where MLflow is imported already, as in a warm kernel."""

    def execute(self, code: str, *, by_hand: bool = False) -> dict[str, dict]:
        from mlflow.tracking import fluent

        install = "" if by_hand else INSTALL
        output, before = io.StringIO(), dict(os.environ)
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output):
            patch.chdir(self._here)
            patch.setattr(fluent, "_active_experiment_id", None)
            os.environ.update(self.by_hand if by_hand else self.environment)
            try:
                exec(self._whole(install + code), {"__name__": "__main__"})
            finally:
                self._leave(before)
        return self._taken(output.getvalue())

    def _leave(self, environment: dict[str, str]) -> None:
        import mlflow
        from mlflow.tracking import fluent

        hooks.uninstall()
        while mlflow.active_run():
            mlflow.end_run()
        fluent._last_active_run_id.set(None)
        mlflow.set_tracking_uri(None)
        session.reset()
        os.environ.clear()
        os.environ.update(environment)


@pytest.fixture
def notebook(tmp_path: Path, empty_store: tuple[Path, str, str]) -> Notebook:
    return _on_copy(Notebook, tmp_path, empty_store)


@pytest.fixture
def warm_notebook(tmp_path: Path, empty_store: tuple[Path, str, str]) -> WarmNotebook:
    return _on_copy(WarmNotebook, tmp_path / "run", empty_store)


@pytest.fixture
def notebook_by_hand(tmp_path: Path, empty_store: tuple[Path, str, str]) -> WarmNotebook:
    return _on_copy(WarmNotebook, tmp_path / "hand", empty_store)


def _on_copy(kind, folder, store):
    path, experiment, run = store
    folder.mkdir(exist_ok=True)
    shutil.copy(path, folder / "mlflow.db")
    return kind(folder, experiment, run)


AS_BY_HAND = {
    "runs": """
import mlflow
for lr in (1, 2):
    with mlflow.start_run(run_name=f"lr{lr}", tags={"a": "b"}, description="d") as run:
        mlflow.log_params({"lr": lr})
        for step in range(3):
            mlflow.log_metric("loss", lr / (step + 1), step=step)
        with mlflow.start_run(nested=True, run_name="inner"):
            mlflow.log_metrics({"acc": lr, "f1": 0.5}, step=7)
    print(mlflow.get_run(run.info.run_id).data.metrics, mlflow.active_run())
print(mlflow.last_active_run().data.params)
""",
    "logging without a run": """
import mlflow
print(mlflow.active_run())
mlflow.log_metric("a", 1)
mlflow.log_param("lr", 5)
mlflow.set_tag("k", "v")
print(mlflow.active_run().data.params, mlflow.get_run(mlflow.active_run().info.run_id).data.params)
mlflow.end_run()
print(mlflow.active_run(), mlflow.last_active_run().data.metrics)
mlflow.log_param("lr", 6)
mlflow.end_run("FAILED")
""",
    "a run is active already": """
import mlflow
mlflow.log_metric("a", 1)
try:
    mlflow.start_run()
except Exception as error:
    print("refused", "already active" in str(error))
with mlflow.start_run(nested=True):
    mlflow.log_metric("b", 1)
""",
    "a block that fails": """
import mlflow
try:
    with mlflow.start_run():
        mlflow.log_metric("a", 1)
        raise ValueError
except ValueError:
    pass
""",
    "own experiment": """
import mlflow
experiment = mlflow.set_experiment("mine")
mlflow.log_metric("acc", 0.1)
mlflow.end_run()
with mlflow.start_run(run_name="hello") as run:
    mlflow.log_metric("acc", 0.5)
print(run.info.experiment_id == experiment.experiment_id)
for found in (mlflow.search_runs(), mlflow.search_runs(experiment_names=["mine"])):
    print(sorted(found["metrics.acc"]), found.sort_values("metrics.acc").iloc[-1]["metrics.acc"])
""",
    "experiment from the environment": """
import mlflow, os
os.environ["MLFLOW_EXPERIMENT_NAME"] = "mine"
with mlflow.start_run():
    mlflow.log_metric("acc", 0.5)
print(len(mlflow.search_runs()))
""",
    "search": """
import mlflow
for lr in (1, 3, 2):
    with mlflow.start_run():
        mlflow.log_param("lr", lr)
        mlflow.log_metric("acc", lr)
runs = mlflow.search_runs()
print(len(runs), runs.sort_values("metrics.acc").iloc[-1]["params.lr"], runs["params.lr"].tolist())
best = mlflow.search_runs(order_by=["metrics.acc DESC"], max_results=1, output_format="list")
print([run.data.params for run in best])
print(len(mlflow.search_runs(max_results=2, filter_string="metrics.acc > 0")))
print(sorted(set(c.split(".")[0] for c in mlflow.search_runs().columns)))
""",
    "client": """
import mlflow
client = mlflow.MlflowClient()
with mlflow.start_run() as outer:
    pass
run = client.create_run(outer.info.experiment_id, run_name="own", tags={"x": "y"})
client.log_metric(run.info.run_id, "acc", 0.25, step=3)
client.log_param(run.info.run_id, "p", "q")
client.log_batch(run.info.run_id, metrics=[mlflow.entities.Metric("b", 1.0, 5, 2)])
client.set_terminated(run.info.run_id)
below = client.create_run(
    run.info.experiment_id, tags={"mlflow.parentRunId": run.info.run_id}, run_name="below")
print(client.get_run(run.info.run_id).data.metrics)
""",
    "run that is named": """
import mlflow
first = mlflow.MlflowClient().create_run(mlflow.create_experiment("other"))
with mlflow.start_run(run_id=first.info.run_id):
    mlflow.log_metric("a", 1)
with mlflow.start_run(first.info.run_id):
    mlflow.log_metric("b", 1)
with mlflow.start_run(parent_run_id=first.info.run_id):
    mlflow.log_metric("c", 1)
""",
    "threads": """
import mlflow, threading
for name in "ab":
    thread = threading.Thread(target=mlflow.log_metric, args=(name, 1))
    thread.start()
    thread.join()
""",
    "another server and back": """
import mlflow, shutil
shutil.copy("mlflow.db", "other.db")
home = mlflow.get_tracking_uri()
mlflow.set_tracking_uri("sqlite:///other.db")
mlflow.log_metric("there", 1)
there = mlflow.active_run()
mlflow.end_run()
print(mlflow.get_experiment(there.info.experiment_id).name,
      "mlflow.parentRunId" in mlflow.get_run(there.info.run_id).data.tags)
mlflow.set_tracking_uri(home)
mlflow.log_metric("here", 1)
""",
    "autologging": """
import mlflow
from sklearn.linear_model import LogisticRegression
mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)
try:
    for c in (1.0, 2.0):
        LogisticRegression(C=c).fit([[0], [1], [0], [1]], [0, 1, 0, 1])
        print(mlflow.last_active_run().data.params["C"], mlflow.active_run())
    with mlflow.start_run():
        LogisticRegression(C=3.0).fit([[0], [1], [0], [1]], [0, 1, 0, 1])
    mlflow.log_metric("after", 0.5)
finally:
    mlflow.sklearn.autolog(disable=True)
""",
}
KEPT = ("experiment", "status", "params", "metrics")


@pytest.mark.parametrize("code", AS_BY_HAND.values(), ids=AS_BY_HAND)
def test_mlflow_does_in_a_run_what_it_does_by_hand(warm_notebook, notebook_by_hand, code):
    by_hand = notebook_by_hand.execute(code, by_hand=True)
    runs = warm_notebook.execute(code)
    own = runs.pop(warm_notebook.run)
    del by_hand[notebook_by_hand.run]
    assert warm_notebook.output == notebook_by_hand.output
    assert [_shape(run, runs) for run in runs.values()] == [
        _shape(run, by_hand) for run in by_hand.values()
    ]
    assert (own["params"], own["metrics"]) == ({}, {})
    tops = [run for run in runs.values() if run["tags"]["mlflow.parentRunId"] not in runs]
    assert tops
    assert {run["tags"]["mlflow.parentRunId"] for run in tops} == {warm_notebook.run}


def _shape(run: dict, runs: dict[str, dict]) -> dict:
    """Return what of a run must be the same; by hand the pipeline's experiment is the default."""
    tags = run["tags"]
    kept = {key: run[key] for key in KEPT}
    kept["experiment"] = "Default" if kept["experiment"] == "digits" else kept["experiment"]
    own_tags = {key: value for key, value in tags.items() if not key.startswith("mlflow.")}
    parent = runs.get(tags.get("mlflow.parentRunId"))
    return {**kept, "tags": own_tags, "below": parent and _shape(parent, runs)}


def test_new_kernel_hears_of_mlflow_once_it_is_imported(notebook):
    runs = notebook.execute("""
import os, subprocess, sys
import mlflow
mlflow.log_metric("a", 1)
mlflow.end_run()
with mlflow.start_run(run_id=os.environ["NBEXP_MLFLOW_RUN_ID"]):
    mlflow.log_metric("own", 2)
subprocess.run([sys.executable, "-c", "import mlflow; mlflow.log_metric('other process', 3)"])
mlflow.set_tracking_uri("sqlite:///mlflow.db")  # the same, written in another way
mlflow.log_metric("relative", 4)
""")
    own = runs.pop(notebook.run)
    assert own["metrics"] == {"own": 2.0}
    assert [run["metrics"] for run in runs.values()] == [
        {"a": 1.0}, {"other process": 3.0}, {"relative": 4.0},
    ]  # fmt: skip
    assert {run["tags"]["mlflow.parentRunId"] for run in runs.values()} == {notebook.run}
    assert notebook.logged() == {
        "a": [(0, 1.0)], "own": [(0, 2.0)], "relative": [(0, 4.0)],
    }  # fmt: skip


def test_numbers_of_several_runs_are_kept_in_their_order(warm_notebook):
    warm_notebook.execute("""
import mlflow, numpy, nbexp
from mlflow.entities import Metric
for start in (0.0, 1.0):
    with mlflow.start_run():
        for step in range(2):
            mlflow.log_metrics({"loss": start - step}, step=step)
        mlflow.log_metric("acc", numpy.float32(start))
with mlflow.start_run() as run:
    for _ in range(3):
        mlflow.log_metric("no step", 1)
    mlflow.log_metric("late", 1, step=100)
    mlflow.MlflowClient().log_batch(run.info.run_id, [Metric("late", 2.0, 0, 50)])
    mlflow.log_metric("system/cpu", 1)
    mlflow.log_metric("nan", float("nan"))
for epoch in nbexp.loop("epoch", 2):
    mlflow.log_metric("looped", epoch)
""")
    logged = warm_notebook.logged()
    assert math.isnan(logged.pop("nan")[0][1])
    assert logged == {
        "loss": [(0, 0.0), (1, -1.0), (2, 1.0), (3, 0.0)],
        "acc": [(0, 0.0), (1, 1.0)],
        "no step": [(0, 1.0), (1, 1.0), (2, 1.0)],
        "late": [(100, 1.0), (50, 2.0)],
        "looped": [(0, 0.0), (1, 1.0)],
    }


def test_what_nbexp_reports_counts_more_than_what_mlflow_is_told(warm_notebook):
    warm_notebook.execute("""
import mlflow, nbexp
mlflow.log_metric("loss", 9, step=5)
for step in range(2):
    nbexp.log("loss", step, step)
    mlflow.log_metric("loss", 9, step=step)
""")
    found = summary(read_metrics(warm_notebook.folder / "metrics.jsonl"))
    assert (found["loss"].last, found["loss"].step, found["loss"].count) == (1.0, 1, 2)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("mlflow.log_param('lr', 0.5)", "lr = 0.5 (it ran with 0.1)"),
        ("mlflow.log_params({'lr': 1, 'n': [2]})", "lr = 1 (it ran with 0.1), n = [2]"),
        ("mlflow.log_params({'lr': 0.10, 'flag': True, 'n': [1], 'other': 3})", ""),
        ("mlflow.log_params({'lr': '1e-1', 'flag': 'true', 'n': (1.0,)})", ""),
    ],
)
def test_parameters_with_other_values_are_told(warm_notebook, call, said):
    warm_notebook.execute(f"import mlflow\n{call}")
    given = read_json(warm_notebook.folder / "variant.json")["params"]
    assert said in other_params(warm_notebook.folder, given)
    assert bool(said) == bool(other_params(warm_notebook.folder, given))
    assert began_runs(warm_notebook.folder)


def test_unknown_version_of_mlflow_is_left_as_it_is_and_told(warm_notebook, monkeypatch):
    from mlflow.tracking.default_experiment import registry

    monkeypatch.delattr(registry, "get_experiment_id")
    with pytest.warns(UserWarning, match="does not know this version of MLflow"):
        runs = warm_notebook.execute("""
import mlflow
client = mlflow.MlflowClient()
client.log_metric(client.create_run("0").info.run_id, "a", 1)
""")
    (run,) = (run for run in runs.values() if run["id"] != warm_notebook.run)
    assert (run["experiment"], run["metrics"]) == ("Default", {"a": 1.0})
    assert warm_notebook.logged() == {}


def test_uninstall_gives_back_what_was_there(warm_notebook):
    warm_notebook.execute("""
import mlflow
from mlflow.tracking import fluent
from nbexp.notebook import hooks
def functions():
    return (mlflow.search_runs, fluent.search_runs, mlflow.MlflowClient.create_run,
            mlflow.MlflowClient.log_batch)
hooks.uninstall()
plain = functions()
hooks.install()
hooks.install()
assert not set(plain) & set(functions())
hooks.uninstall()
assert functions() == plain
""")


QUIET = """
import sys
imported = set(sys.modules)
import nbexp.notebook.hooks as hooks
hooks.install()
assert not {"mlflow", "numpy", "pandas", "inspect"} & (set(sys.modules) - imported)
import json.tool  # other imports go on as before
hooks.uninstall()
assert not any(type(finder).__module__ == hooks.__name__ for finder in sys.meta_path)
"""


@pytest.mark.parametrize("environment", [{}, {"NBEXP_FOLDER": ".", "NBEXP_MLFLOW_RUN_ID": "1"}])
def test_install_is_light_and_silent(environment):
    done = subprocess.run(
        [sys.executable, "-c", QUIET],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if "MLFLOW" not in k} | environment,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
