"""Runs and variants in MLflow: a parent run for each run, a child for each variant executed.

A variant's identity is written as the tag ``nbexp.key``, last of all, so that the tag marks
completion; a finished run with the tag is what the cache finds.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbexp.errors import RunError
from nbexp.execute.job import Outcome
from nbexp.files import read_json, write_json
from nbexp.pipeline import Pipeline
from nbexp.run.folder import RUNS, read_end
from nbexp.run.tracker import VariantRecord
from nbexp.states import State
from nbexp.tracking.content import lineage_tags, metrics_of, params_of, result_tags
from nbexp.tracking.git import git_tags
from nbexp.tracking.index import KeyIndex

_log = logging.getLogger(__name__)
_SLOW_S = 30.0  # a call that fails later than this was tried again and again, for minutes
_REST_S = 60.0
_STATUS = {State.FINISHED: "FINISHED", State.STOPPED: "KILLED"}


def tracking_uri(pipeline: Pipeline) -> str:
    """Return where a pipeline is tracked: ``[tracking] uri``, else ``MLFLOW_TRACKING_URI``, else
    ``mlflow.db`` beside it.
    """  # noqa: D205
    uri = pipeline.tracking.uri
    if uri is None:
        from_environment = os.environ.get("MLFLOW_TRACKING_URI")
        return from_environment or f"sqlite:///{pipeline.folder / 'mlflow.db'}"
    if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
        return f"sqlite:///{pipeline.folder / uri.removeprefix('sqlite:///')}"
    is_path = ":" not in uri and uri not in ("databricks", "databricks-uc")
    return str(pipeline.folder / uri) if is_path else uri


class MlflowTracker:
    """Tracks runs in MLflow; the slow part of it in a thread of its own.

    Args:
        pipeline: The pipeline.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.uri = tracking_uri(pipeline)
        self.experiment = pipeline.tracking.experiment or pipeline.name
        self._pipeline = pipeline
        is_file = self.uri.startswith("sqlite:////")
        self._database = Path(self.uri.removeprefix("sqlite:///")) if is_file else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nbexp-mlflow")
        self._connection: Future[Any] | None = None  # made on first use
        self._experiment_id = ""
        self._index: KeyIndex | None = None
        self._parent: str | None = None
        self._tags: dict[str, str] = {}
        self._failures: list[str] = []
        self._rests_until = 0.0

    @property
    def _shown_uri(self) -> str:
        """The URI as it may be written: without a password."""
        return re.sub(r"//[^/@]*@", "//***@", self.uri)

    @property
    def is_new(self) -> bool:
        """Whether the database is a file that is not there yet, so that nothing can be found."""
        return self._database is not None and not self._database.exists()

    @property
    def failures(self) -> list[str]:
        """What could not be written, and why."""
        return self._failures

    def find(self, keys: Collection[str]) -> Mapping[str, Path]:
        """Return the folders of variants that finished with these keys, in any experiment.

        Raises:
            RunError: MLflow can't be reached.
        """
        with self._sparing():
            return self._keys().find(keys)

    def durations_s(self, stages: Collection[str]) -> Mapping[str, float]:
        """Return the mean seconds that the last variants of each stage took, as far as known."""
        client = self._client()
        experiment = client.get_experiment_by_name(self.experiment)
        means: dict[str, float] = {}
        if experiment is None:
            return means
        for stage in stages:
            query = f"tags.`nbexp.stage` = '{stage}' and attributes.status = 'FINISHED'"
            runs = client.search_runs(
                [experiment.experiment_id], filter_string=query, max_results=50
            )
            known = [float(tag) for r in runs if (tag := r.data.tags.get("nbexp.duration_s"))]
            if known:
                means[stage] = sum(known) / len(known)
        return means

    def open_run(self, run: Path) -> None:
        """Begin the parent run.

        Raises:
            RunError: MLflow can't be reached.
        """
        client = self._client()
        with self._told():
            self._experiment_id = self._thread.submit(self._make_experiment).result()
        self._keys().include(self._experiment_id)
        self._tags = {
            "nbexp.pipeline": self._pipeline.name,
            "nbexp.run": run.name,
            "mlflow.source.name": str(self._pipeline.file or self._pipeline.folder),
            "mlflow.source.type": "PROJECT",
            **git_tags(self._pipeline.folder),
        }
        tags = {**self._tags, "nbexp.folder": str(run)}
        with self._told():
            parent = client.create_run(self._experiment_id, run_name=run.name, tags=tags)
        self._parent = parent.info.run_id
        write_json(
            run / "tracking.json",
            {"uri": self._shown_uri, "experiment_id": self._experiment_id, "run_id": self._parent},
        )
        self._thread.submit(self._attempt, "pipeline", self._log_pipeline, self._parent, run)

    def begin(self, record: VariantRecord, folder: Path) -> tuple[str | None, Mapping[str, str]]:
        """Begin a variant's run; return its id, and what its kernel needs to log into it."""
        variables = {"MLFLOW_TRACKING_URI": self.uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
        try:
            client = self._client()
            tags = {
                **self._tags,
                **lineage_tags(record),
                "nbexp.folder": str(folder),
                "mlflow.parentRunId": self._parent or "",
            }
            name = f"{record.name} {record.label}".strip()
            with self._sparing():
                run = client.create_run(self._experiment_id, run_name=name[:250], tags=tags)
        except Exception as error:
            self._note(record.name, error)
            return None, variables
        run_id = run.info.run_id
        variables |= {"MLFLOW_EXPERIMENT_ID": self._experiment_id, "MLFLOW_RUN_ID": run_id}
        return run_id, {**variables, "NBEXP_MLFLOW_RUN_ID": run_id}

    def finish(
        self, record: VariantRecord, outcome: Outcome, folder: Path, done: Callable[[], None]
    ) -> None:
        """Write how a variant ended, in the background; then call `done`."""

        def write() -> None:
            # MLflow may not have been there when it began, and be back now.
            run_id = record.tracking_id or self.begin(record, folder)[0]
            if run_id is not None:
                self._attempt(record.name, self._write, run_id, record, outcome, folder)
            done()

        self._thread.submit(write)

    def close_run(self, state: State) -> None:
        """Wait until everything is written, and end the parent run."""
        if self._parent is not None:
            status = _STATUS.get(state, "FAILED")
            self._thread.submit(self._attempt, "run", self._end, self._parent, status)
        self._thread.shutdown(wait=True)

    def recover(self, run: Path) -> bool:
        """Complete what a run whose driver died has left; return whether all could be written.

        Variants whose results lie in the run's folder are written as if the driver had lived;
        the others, and the run itself, are marked as killed.
        """
        client = self._client()
        try:
            tracking = read_json(run / "tracking.json")
        except (OSError, ValueError):
            return True  # it died before it began
        try:
            parent = client.get_run(tracking["run_id"])
            query = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
            children = list(_pages(client, [tracking["experiment_id"]], query))
            are_written = [self._recover_variant(child, run) for child in children]
            if parent.info.status == "RUNNING":
                self._end(parent.info.run_id, "KILLED")
        except Exception as error:  # it was deleted there, or was tracked somewhere else
            _log.debug("MLflow: %s", run, exc_info=error)
            return False
        return all(are_written)

    def _recover_variant(self, child: Any, run: Path) -> bool:
        run_id, tags = child.info.run_id, child.data.tags
        name, is_open = tags.get("nbexp.variant"), child.info.status == "RUNNING"
        if name is None or "nbexp.key" in tags:
            return True
        folder = run / "variants" / name
        record = VariantRecord.read(folder)
        outcome = read_end(folder, record.key) if record else None
        try:
            if not record or not outcome or record.tracking_id != run_id:
                if is_open:
                    self._end(run_id, "KILLED")
            elif is_open or outcome.state is State.FINISHED:
                self._write(run_id, record, outcome, folder)
        except Exception as error:
            _log.debug("MLflow: %s", folder, exc_info=error)
            return False
        return True

    def _keys(self) -> KeyIndex:
        if self._index is None:
            client = self._client()
            with self._told():
                self._index = KeyIndex(client, self._pipeline.folder / RUNS)
        return self._index

    def _client(self) -> Any:
        if self._connection is None:
            self._connection = self._thread.submit(self._connect)
        with self._told():
            return self._connection.result()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn an error of MLflow's into one that says what to do."""
        try:
            yield
        except Exception as error:
            raise RunError(
                f"MLflow can't be used at {self._shown_uri}: {error}. Check [tracking] uri and "
                "MLFLOW_TRACKING_URI, and that the server runs."
            ) from error

    def _connect(self) -> Any:
        if self._database is not None:
            self._database.parent.mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        with self._locked():
            return MlflowClient(self.uri)

    def _make_experiment(self) -> str:
        client, name = self._client(), self.experiment
        with self._locked():
            found = client.get_experiment_by_name(name)
            if found is None:
                place = self._database and (self._database.parent / "mlartifacts" / name).as_uri()
                return str(client.create_experiment(name, artifact_location=place))
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time make or migrate a database; MLflow itself would race."""
        if self._database is None:
            yield
            return
        with self._database.with_name(f".{self._database.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _log_pipeline(self, run_id: str, run: Path) -> None:
        client = self._client()
        for name in ("pipeline.toml", "pipeline.json", "plan.json"):
            if (run / name).is_file():
                client.log_artifact(run_id, str(run / name))

    def _write(self, run_id: str, record: VariantRecord, outcome: Outcome, folder: Path) -> None:
        from mlflow.entities import Metric, RunTag

        client = self._client()
        self._write_params(client, run_id, record)
        now = int(outcome.ended * 1000)
        metrics = [Metric(key, value, now, 0) for key, value in metrics_of(outcome).items()]
        tags = [RunTag(key, value) for key, value in result_tags(outcome).items()]
        for start in range(0, max(len(metrics), 1), 500):
            client.log_batch(run_id, metrics=metrics[start : start + 500], tags=tags)
        for file in ("notebook.ipynb", "log.txt"):
            if (folder / file).is_file():
                client.log_artifact(run_id, str(folder / file))
        if (folder / "figures").is_dir():
            client.log_artifacts(run_id, str(folder / "figures"), "figures")
        self._end(run_id, _STATUS.get(outcome.state, "FAILED"), now)
        if outcome.state is State.FINISHED:
            client.set_tag(run_id, "nbexp.key", record.key)

    def _write_params(self, client: Any, run_id: str, record: VariantRecord) -> None:
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException

        params = [Param(key, value) for key, value in params_of(record.params).items()]
        # A notebook may have logged the same name with another value: its own word stands.
        taken = set(client.get_run(run_id).data.params)
        fresh = [param for param in params if param.key not in taken]
        for start in range(0, len(fresh), 100):
            try:
                client.log_batch(run_id, params=fresh[start : start + 100])
            except MlflowException as error:
                self._note(record.name, error)

    def _end(self, run_id: str, status: str, ended_ms: int | None = None) -> None:
        client = self._client()
        client.set_terminated(run_id, status, ended_ms or int(time.time() * 1000))

    def _attempt(self, what: str, action: Callable[..., None], *arguments: Any) -> None:
        try:
            with self._sparing():
                action(*arguments)
        except Exception as error:
            self._note(what, error)

    @contextmanager
    def _sparing(self) -> Iterator[None]:
        """Leave a server alone for a while that kept us waiting in vain; the run must go on."""
        started = time.monotonic()
        if started < self._rests_until:
            raise ConnectionError("MLflow did not answer a moment ago")
        try:
            yield
        except Exception:
            if self._database is None and time.monotonic() - started > _SLOW_S:
                self._rests_until = time.monotonic() + _REST_S
            raise

    def _note(self, what: str, error: Exception) -> None:
        _log.debug("MLflow: %s", what, exc_info=error)
        self._failures.append(f"{what}: {error}")


def _pages(client: Any, experiments: list[str], query: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs(
            experiments, filter_string=query, max_results=1000, page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return
