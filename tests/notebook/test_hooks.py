"""MLflow in a run, with real runs in SQLite, in the process that a notebook would be."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nbexp.notebook import hooks

# MLflow's own tables use what SQLAlchemy deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

INSTALL = '__import__("nbexp.notebook.hooks", fromlist=["install"]).install()\n'
REPORT = """
import json, mlflow
client = mlflow.MlflowClient()
names = {e.experiment_id: e.name for e in client.search_experiments()}
print("REPORT" + json.dumps([
    {"id": r.info.run_id, "experiment": names[r.info.experiment_id], "name": r.info.run_name,
     "params": r.data.params, "metrics": r.data.metrics, "tags": r.data.tags}
    for r in client.search_runs(list(names), order_by=["start_time"])
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
print("IDS", experiment, client.create_run(experiment, run_name="train-3f9a2c").info.run_id)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    experiment, run = done.stdout.split("IDS")[-1].split()
    return path, experiment, run


class Notebook:
    """Runs code as a notebook's kernel would, and returns the runs that MLflow has then."""

    def __init__(self, folder: Path, experiment: str, run: str) -> None:
        self.run = run
        self._folder = folder
        self.environment = {
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
            "MLFLOW_EXPERIMENT_ID": experiment,
            "MLFLOW_RUN_ID": run,
            "NBEXP_MLFLOW_RUN_ID": run,
        }

    def execute(self, code: str, install: str = INSTALL) -> dict[str, dict]:
        """Run code in a new process, where MLflow is not imported yet."""
        done = subprocess.run(
            [sys.executable, "-c", install + code + REPORT],
            capture_output=True,
            text=True,
            check=False,
            cwd=self._folder,
            env=os.environ | self.environment,
        )
        assert done.returncode == 0, done.stderr
        return {run["id"]: run for run in json.loads(done.stdout.split("REPORT")[-1])}


class WarmNotebook(Notebook):
    """The same in this process, where MLflow is imported already, as in a warm kernel."""

    def execute(self, code: str, install: str = INSTALL) -> dict[str, dict]:
        import mlflow
        from mlflow.tracking import fluent

        output = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(output):
            patch.chdir(self._folder)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.setattr(fluent, "_active_experiment_id", None)
            try:
                exec(install + code + REPORT, {"__name__": "__main__"})
            finally:
                hooks.uninstall()
                while mlflow.active_run():
                    mlflow.end_run()
                mlflow.set_tracking_uri(None)
        return {run["id"]: run for run in json.loads(output.getvalue().split("REPORT")[-1])}


@pytest.fixture
def notebook(tmp_path: Path, empty_store: tuple[Path, str, str]) -> Notebook:
    return _on_copy(Notebook, tmp_path, empty_store)


@pytest.fixture
def warm_notebook(tmp_path: Path, empty_store: tuple[Path, str, str]) -> WarmNotebook:
    return _on_copy(WarmNotebook, tmp_path, empty_store)


def _on_copy(kind, folder, store):
    path, experiment, run = store
    shutil.copy(path, folder / "mlflow.db")
    return kind(folder, experiment, run)


def test_autologging_and_own_calls_log_into_one_run(notebook):
    runs = notebook.execute("""
import mlflow
mlflow.sklearn.autolog(log_models=False, log_datasets=False)
from sklearn.linear_model import LogisticRegression
for c in (1.0, 1.0):
    LogisticRegression(C=c).fit([[0], [1], [0], [1]], [0, 1, 0, 1])
mlflow.log_metric("accuracy", 0.5)
mlflow.end_run()
mlflow.log_metric("loss", 0.1)
""")
    assert list(runs) == [notebook.run]
    (run,) = runs.values()
    assert run["params"]["C"] == "1.0"
    assert {"accuracy", "loss", "training_score"} <= run["metrics"].keys()
    assert run["name"] == "train-3f9a2c"


def test_first_start_run_resumes_and_later_ones_are_children(warm_notebook):
    runs = warm_notebook.execute("""
import mlflow
mlflow.log_param("before", 1)
for lr in (1, 2, 3):
    with mlflow.start_run(run_name=f"lr{lr}"):
        mlflow.log_param("lr", lr)
        with mlflow.start_run(nested=True):
            mlflow.log_param("inner", lr)
    mlflow.log_metric("between", lr)
""")
    first, second, third = (
        next(run for run in runs.values() if run["params"].get("lr") == lr) for lr in "123"
    )
    assert first["id"] == warm_notebook.run
    assert first["params"] == {"before": "1", "lr": "1"}
    assert first["metrics"] == {"between": 3.0}
    assert first["name"] == "train-3f9a2c"
    assert first["tags"]["nbexp.run_name"] == "lr1"
    assert [run["tags"]["mlflow.parentRunId"] for run in (second, third)] == [warm_notebook.run] * 2
    assert [run["name"] for run in (second, third)] == ["lr2", "lr3"]
    inner = [run for run in runs.values() if "inner" in run["params"]]
    assert {run["tags"]["mlflow.parentRunId"] for run in inner} == {
        first["id"],
        second["id"],
        third["id"],
    }


def test_another_experiment_does_not_take_the_run_away(warm_notebook):
    runs = warm_notebook.execute("""
import mlflow
mlflow.set_experiment("mine")
mlflow.log_metric("a", 1)
mlflow.end_run()
with mlflow.start_run():
    mlflow.log_metric("b", 2)
with mlflow.start_run():
    mlflow.log_metric("c", 3)
""")
    assert runs[warm_notebook.run]["metrics"] == {"a": 1.0, "b": 2.0}
    (other,) = (run for run in runs.values() if run["id"] != warm_notebook.run)
    assert (other["experiment"], other["metrics"]) == ("mine", {"c": 3.0})


def test_run_that_is_named_is_the_one_that_is_used(warm_notebook):
    runs = warm_notebook.execute("""
import mlflow
other = mlflow.MlflowClient().create_run("1").info.run_id
with mlflow.start_run(run_id=other):
    mlflow.log_metric("a", 1)
with mlflow.start_run(other):
    mlflow.log_metric("b", 1)
with mlflow.start_run():
    mlflow.log_metric("c", 1)
""")
    (other,) = (run for run in runs.values() if run["id"] != warm_notebook.run)
    assert other["metrics"].keys() == {"a", "b"}
    assert runs[warm_notebook.run]["metrics"].keys() == {"c"}


def test_second_start_run_without_end_is_still_refused_by_mlflow(warm_notebook):
    runs = warm_notebook.execute("""
import mlflow
mlflow.start_run()
try:
    mlflow.start_run()
except Exception as error:
    assert "already active" in str(error), error
else:
    raise SystemExit("not refused")
""")
    assert list(runs) == [warm_notebook.run]


def test_uninstall_gives_back_what_was_there(warm_notebook):
    runs = warm_notebook.execute(
        """
assert mlflow.start_run is not plain and fluent.start_run is mlflow.start_run
mlflow.log_metric("a", 1)
mlflow.end_run()
mlflow.log_metric("a", 2)
hooks.uninstall()
assert mlflow.start_run is plain and fluent.start_run is plain
""",
        install="""
import mlflow
from mlflow.tracking import fluent
from nbexp.notebook import hooks
plain = mlflow.start_run
hooks.install()
hooks.install()
""",
    )
    assert list(runs) == [warm_notebook.run]


def test_threads_log_into_the_run(warm_notebook):
    runs = warm_notebook.execute("""
import mlflow, threading
threads = [threading.Thread(target=mlflow.log_metric, args=(name, 1)) for name in "ab"]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
""")
    assert list(runs) == [warm_notebook.run]
    assert runs[warm_notebook.run]["metrics"].keys() == {"a", "b"}


def test_another_tracking_server_is_left_to_the_notebook(warm_notebook):
    runs = warm_notebook.execute("""
import mlflow, shutil
shutil.copy("mlflow.db", "other.db")
mlflow.set_tracking_uri("sqlite:///other.db")
mlflow.log_metric("a", 1)
mlflow.end_run()
mlflow.set_tracking_uri("sqlite:///mlflow.db")
""")
    assert runs[warm_notebook.run]["metrics"] == {}


QUIET = """
import sys, time
imported = set(sys.modules)
import nbexp.notebook.hooks as hooks
began = time.perf_counter()
hooks.install()
assert time.perf_counter() - began < 0.005
assert not {"mlflow", "numpy", "pandas", "inspect"} & (set(sys.modules) - imported)
import json.tool  # other imports go on as before
hooks.uninstall()
assert not any(type(finder).__module__ == hooks.__name__ for finder in sys.meta_path)
"""


@pytest.mark.parametrize("environment", [{}, {"NBEXP_MLFLOW_RUN_ID": "1"}])
def test_install_is_light_and_silent(environment):
    done = subprocess.run(
        [sys.executable, "-c", QUIET],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if "MLFLOW" not in k} | environment,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
