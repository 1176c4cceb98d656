"""Runs and variants in MLflow: a parent run for each run, a child for each variant executed.

A variant's identity is written as the tag ``nbexp.key``; a finished run with the tag is complete,
and what the cache finds.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from nbexp.errors import RunError
from nbexp.files import write_json
from nbexp.metrics import Entry
from nbexp.pipeline import Pipeline
from nbexp.run.tracker import KnownResult
from nbexp.runs.folder import RunFolder
from nbexp.runs.outcome import Outcome
from nbexp.runs.record import VariantRecord, inline_key, is_inline
from nbexp.runs.variant_folder import RUNS
from nbexp.states import State
from nbexp.tracking.connection import Connection, search, tracking_uri
from nbexp.tracking.content import fit_name, lineage_tags, values_of
from nbexp.tracking.git import git_tags
from nbexp.tracking.index import KeyIndex, knows_more, note_folder
from nbexp.tracking.probing import why_unreachable
from nbexp.tracking.recovery import Recovery, TrackingTarget
from nbexp.tracking.writer import VariantWriter, status_of

_log = logging.getLogger(__name__)


class MlflowTracker:
    """Tracks runs in MLflow; the slow part of it in a thread of its own.

    Args:
        pipeline: The pipeline.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.uri = tracking_uri(pipeline)
        self.experiment = pipeline.tracking.experiment or pipeline.name
        self._pipeline = pipeline
        self._connection = Connection(self.uri)
        self._client = self._connection.client
        self._writer = VariantWriter(self._client, self._note)
        self._waiting: dict[str, list[Entry]] = {}  # by run: logged, and not written yet
        self._waiting_lock = threading.Lock()
        self._experiment_id = ""
        self._index: KeyIndex | None = None
        self._parent: str | None = None
        self._tags: dict[str, str] = {}
        self._failures: list[str] = []
        self._unbegun: dict[str, str] = {}  # why, by variant; those that ended are entered then
        self._missing: dict[str, str] = {}  # why, by variant that has ended and is not there
        self._ended: set[str] = set()

    @property
    def is_new(self) -> bool:
        """Whether the database is a file that is not there yet, so that nothing can be found."""
        return self._connection.is_new

    def begin_to_connect(self) -> None:
        """Import MLflow and connect to it, in the background; `connect` waits for that."""
        self._connection.begin()

    def connect(self) -> None:
        """Make sure that MLflow can be used.

        Raises:
            RunError: MLflow can't be reached, or refuses its database.
        """
        client = self._client()
        if self._connection.database is None:  # a server may not be there
            with self._connection.translate_errors():
                client.search_experiments(max_results=1)
        else:
            note_folder(self._connection.database, self._pipeline.folder)

    def why_unreachable(self) -> RunError | None:
        """Return why a server does not answer; None if it does, or MLflow is none."""
        why = why_unreachable(self.uri)
        shown = self._connection.shown_uri
        return RunError(f"MLflow can't be reached at {shown}: {why}") if why else None

    @property
    def is_away(self) -> bool:
        """Whether MLflow was not there when it was asked last."""
        return bool(self._connection.availability.away)

    @property
    def is_doubtful(self) -> bool:
        """Whether MLflow may have begun a variant's run that nobody knows of."""
        return self._connection.availability.is_doubtful

    @property
    def database(self) -> Path | None:
        """The SQLite file in which MLflow keeps its runs, if it is one."""
        return self._connection.database

    @property
    def shown_uri(self) -> str:
        """The tracking URI as it may be written down."""
        return self._connection.shown_uri

    @property
    def variables(self) -> dict[str, str]:
        """What a kernel needs to use the same MLflow."""
        return self._connection.variables

    @property
    def knows_more(self) -> bool:
        """Whether MLflow may know of results that the runs beside the pipeline don't hold."""
        database = self._connection.database
        return database is None or knows_more(database, self._pipeline.folder)

    @property
    def failures(self) -> list[str]:
        """What could not be written, and why."""
        return [*self._unbegun.values(), *self._failures]

    def find(self, keys: Collection[str]) -> Mapping[str, Sequence[Path]]:
        """Return the folders of variants that finished with these keys, in any experiment.

        Raises:
            RunError: MLflow can't be reached.
        """
        with self._connection.availability.circuit_breaker(), self._connection.translate_errors():
            return self._keys().find(keys)

    def results(self, stage: str, metric: str, limit: int) -> list[KnownResult]:
        """Return what variants of a stage came to that finished or were pruned, newest first.

        Raises:
            RunError: MLflow can't be reached.
        """
        name = fit_name(metric)
        with self._connection.translate_errors():
            known = (
                KnownResult(
                    values_of(run.data.params),
                    run.data.metrics[name],
                    run.data.tags.get("nbexp.search", ""),
                )
                for run in self._finished(stage, page_size=max(1, min(limit, 1000)))
                if not is_inline(run.data.tags.get("nbexp.key", inline_key("")))
                and _is_finite(run.data.metrics.get(name))
            )
            return list(islice(known, limit))

    def open_run(self, run: Path) -> None:
        """Begin the parent run.

        Raises:
            RunError: MLflow can't be reached.
        """
        client = self._client()
        with self._connection.translate_errors():
            self._experiment_id = self._connection.submit(
                self._connection.make_experiment, self.experiment
            ).result()
        self._keys().include(self._experiment_id)
        source = git_tags(self._pipeline.folder)
        self._tags = {
            "nbexp.pipeline": self._pipeline.name,
            "nbexp.run": run.name,
            "mlflow.source.name": str(self._pipeline.file or self._pipeline.folder),
            "mlflow.source.type": "PROJECT",
            **source,
        }
        tags = {**self._tags, "nbexp.folder": str(run)}
        with self._connection.translate_errors():
            parent = client.create_run(self._experiment_id, run_name=run.name, tags=tags)
        self._parent = parent.info.run_id
        write_json(
            RunFolder(run).tracking,
            {
                "uri": self._connection.shown_uri,
                "experiment_id": self._experiment_id,
                "run_id": self._parent,
                "artifacts": parent.info.artifact_uri,
                "source": source,
            },
        )
        self._connection.submit(self._attempt, "pipeline", self._log_pipeline, self._parent, run)

    def begin(self, record: VariantRecord, folder: Path) -> tuple[str | None, Mapping[str, str]]:
        """Begin a variant's run; return its id, and what its kernel needs to log into it."""
        variables = self.variables
        try:
            client = self._client()
            tags = {
                **self._tags,
                **lineage_tags(record),
                "nbexp.folder": str(folder),
                "mlflow.parentRunId": self._parent or "",
            }
            name = f"{record.name} {record.label}".strip()
            with self._connection.availability.circuit_breaker():
                run = client.create_run(self._experiment_id, run_name=name[:250], tags=tags)
        except Exception as error:
            self._unbegun[record.name] = self._connection.shown(f"{record.name}: {error}")
            return None, variables
        run_id = run.info.run_id
        self._writer.begin(run)
        own = {"MLFLOW_EXPERIMENT_ID": self._experiment_id, "MLFLOW_RUN_ID": run_id}
        return run_id, variables | own | {f"NBEXP_{name}": value for name, value in own.items()}

    def log(self, record: VariantRecord, folder: Path, entries: Sequence[Entry]) -> None:
        """Write what a running variant has logged, in the background.

        What fails is made up for by the next call, and at last by `finish`.
        """
        run_id = record.tracking_id
        if run_id is None:
            return
        with self._waiting_lock:
            self._waiting.setdefault(run_id, []).extend(entries)
        self._connection.submit(self._write_waiting, run_id, folder)

    def finish(
        self, record: VariantRecord, outcome: Outcome, folder: Path, done: Callable[[], None]
    ) -> None:
        """Write how a variant ended, in the background; then call `done`."""

        def write() -> None:
            # MLflow may not have been there when it began, and be back now.
            run_id = record.tracking_id or self.begin(record, folder)[0]
            is_written = run_id is not None and self._attempt(
                record.name, self._writer.write, run_id, record, outcome, folder
            )
            self._note_end(record.name, is_written=is_written)
            done()

        self._connection.submit(write)

    def close_run(self, state: State) -> None:
        """Wait until everything is written, and end the parent run."""
        if self._parent is not None:
            status = status_of(state)
            self._connection.submit(self._attempt, "run", self._writer.end, self._parent, status)
        self._connection.close()
        if self._missing:
            count = f"{len(self._missing)} of {len(self._ended)} variants"
            why = next(iter(self._missing.values()))
            self._unbegun.clear()
            self._failures = [f"{count} are not in MLflow: {why}"]

    def recover(self, run: Path) -> bool:
        """Write what a run that has ended left and is not there; False if it is not for us.

        Raises:
            RunError: MLflow can't be reached, or not all could be written.
        """
        with self._connection.translate_errors():
            return self._recovery(run).complete()

    def knows(self, run: Path) -> bool | None:
        """Whether a run that was written is still there; None if it is not for us.

        Raises:
            RunError: MLflow can't be reached.
        """
        with self._connection.translate_errors():
            return self._recovery(run).is_known()

    def close(self) -> None:
        """Let go of MLflow."""
        self._connection.close()

    def _recovery(self, run: Path) -> Recovery:
        connection = self._connection
        place = TrackingTarget(
            self.shown_uri, self._client(), self._writer, connection.make_experiment
        )
        return Recovery(place, RunFolder(run))

    def _write_waiting(self, run_id: str, folder: Path) -> None:
        with self._waiting_lock:
            entries = self._waiting.pop(run_id, None)
        if entries is None:  # an earlier call has taken them along
            return
        try:
            with self._connection.availability.circuit_breaker():
                self._writer.series.append(run_id, folder, entries)
        except Exception as error:
            self._writer.series.forget(run_id)
            _log.debug("MLflow: %s", folder, exc_info=error)

    def _finished(self, stage: str, *, page_size: int) -> Iterator[Any]:
        """Yield the runs of a stage's variants that finished or were pruned, newest first."""
        client = self._client()
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            return
        query = f"tags.`nbexp.stage` = '{stage}' and attributes.status = 'FINISHED'"
        yield from search(client, [experiment.experiment_id], query, page_size)

    def _keys(self) -> KeyIndex:
        if self._index is None:
            self._index = KeyIndex(self._client, self._pipeline.folder / RUNS)
        return self._index

    def _log_pipeline(self, run_id: str, run: Path) -> None:
        client, folder = self._client(), RunFolder(run)
        for file in (folder.pipeline_file, folder.pipeline, folder.plan):
            if file.is_file():
                client.log_artifact(run_id, str(file))

    def _attempt(self, what: str, action: Callable[..., None], *arguments: Any) -> bool:
        """Do something; note if it can't be done, and return whether it could."""
        try:
            with self._connection.availability.circuit_breaker():
                action(*arguments)
        except Exception as error:
            self._note(what, error)
            return False
        return True

    def _note_end(self, name: str, *, is_written: bool) -> None:
        """Note that a variant has ended, and whether it is there."""
        self._ended.add(name)
        why = self._unbegun.pop(name, "")
        self._missing.pop(name, None)  # of an earlier attempt
        if not is_written:
            self._missing[name] = why or self._failures[-1]
            if why:
                self._failures.append(why)

    def _note(self, what: str, error: Exception) -> None:
        _log.debug("MLflow: %s", what, exc_info=error)
        self._failures.append(self._connection.shown(f"{what}: {error}"))


def _is_finite(value: float | None) -> bool:
    """Whether a metric is a finite number; MLflow has the largest one in the place of infinity."""
    return value is not None and abs(value) < sys.float_info.max
