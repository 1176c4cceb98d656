"""How a variant ended, in MLflow: parameters, metrics, tags and files of its run.

A variant's identity is written as the tag ``nbexp.key``, with or after all the rest, and then its
run is ended: a finished run with the tag is complete.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nbexp.metrics import Entry, Tracked, summary
from nbexp.notebook.tracked import began_runs
from nbexp.runs.outcome import Outcome
from nbexp.runs.record import VariantRecord
from nbexp.runs.variant_folder import FIGURES, VariantFolder
from nbexp.states import State
from nbexp.tracking.content import OWN, fit_name, fit_step, metrics_of, params_of, result_tags
from nbexp.tracking.descendants import end_descendants
from nbexp.tracking.series import SeriesWriter

_BATCH = 1000  # the most that MLflow takes at once
_STATUS = {
    State.FINISHED: "FINISHED",
    State.PRUNED: "FINISHED",
    State.STOPPED: "KILLED",
    State.PAUSED: "KILLED",
}


def status_of(state: State) -> str:
    """Return MLflow's word for a final state."""
    return _STATUS.get(state, "FAILED")


class VariantWriter:
    """Writes variants that have ended.

    Args:
        client: Returns MLflow's client.
        note: Told what could not be written, and why.
    """

    def __init__(self, client: Callable[[], Any], note: Callable[[str, Exception], None]) -> None:
        self.series = SeriesWriter(client)
        self._client = client
        self._note = note
        self._places: dict[str, str] = {}  # of artifacts, by run

    def begin(self, run: Any) -> None:
        """Note that a run is new."""
        self.series.begin(run.info.run_id)
        self._places[run.info.run_id] = run.info.artifact_uri

    def write(self, run_id: str, record: VariantRecord, outcome: Outcome, folder: Path) -> None:
        """Write all of a variant, and end its run."""
        entries = self.series.complete(run_id, folder)
        self._write_files(run_id, folder)
        tags = result_tags(outcome)
        if outcome.state in (State.FINISHED, State.PRUNED):
            tags["nbexp.key"] = outcome.key or record.key
        self._write_results(run_id, record, outcome, entries, tags)
        status = status_of(outcome.state)
        if began_runs(folder) or not outcome.state.is_success:
            end_descendants(self._client(), run_id, status)
        self.end(run_id, status, int(outcome.ended * 1000))

    def write_cut_off(self, run_id: str, folder: Path) -> None:
        """Write what a variant logged of which is not known how it ended, and end its run."""
        self.series.complete(run_id, folder)
        end_descendants(self._client(), run_id, "KILLED")
        self.end(run_id, "KILLED")

    def end(self, run_id: str, status: str, ended_ms: int | None = None) -> None:
        """End a run, now if nothing else is said."""
        self._places.pop(run_id, None)
        self._client().set_terminated(run_id, status, ended_ms or int(time.time() * 1000))

    def _write_results(
        self,
        run_id: str,
        record: VariantRecord,
        outcome: Outcome,
        entries: Sequence[Entry],
        tags: Mapping[str, str],
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.exceptions import MlflowException

        client = self._client()
        params = [Param(key, value) for key, value in params_of(record.params).items()]
        metrics = [Metric(*point) for point in _last_points(outcome, entries)]
        run_tags = [RunTag(key, value) for key, value in tags.items()]
        try:  # each call costs MLflow several transactions
            client.log_batch(run_id, metrics=metrics, params=params, tags=run_tags)
        except MlflowException as error:
            if error.error_code == "TEMPORARILY_UNAVAILABLE":  # parts of it would wait as long
                raise
            self._write_params(run_id, record.name, params)
            for start in range(0, len(metrics), _BATCH):
                client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
            client.log_batch(run_id, tags=run_tags)

    def _write_params(self, run_id: str, name: str, params: Sequence[Any]) -> None:
        """Write parameters as far as they can be written."""
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException

        client = self._client()
        # The notebook may have logged another value into this very run, which MLflow never changes.
        taken = client.get_run(run_id).data.params
        fresh = [
            Param(f"{OWN}{param.key}"[:250], param.value) if param.key in taken else param
            for param in params
            if taken.get(param.key) != param.value
        ]
        for start in range(0, len(fresh), 100):
            try:
                client.log_batch(run_id, params=fresh[start : start + 100])
            except MlflowException as error:
                self._note(name, error)

    def _write_files(self, run_id: str, folder: Path) -> None:
        write_file, write_folder = self._ways(run_id)
        files = VariantFolder(folder)
        for file in (files.notebook, files.log):
            if file.is_file():
                write_file(str(file))
        if files.figures.is_dir():
            write_folder(str(files.figures), FIGURES)

    def _ways(self, run_id: str) -> tuple[Callable[..., None], Callable[..., None]]:
        """Return what writes a file and a folder; if they lie here, without asking MLflow where."""
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        client, place = self._client(), self._places.get(run_id, "")
        if not place.startswith("file:"):
            return partial(client.log_artifact, run_id), partial(client.log_artifacts, run_id)
        artifacts = get_artifact_repository(place)
        return artifacts.log_artifact, artifacts.log_artifacts


def _last_points(outcome: Outcome, entries: Sequence[Entry]) -> list[tuple[str, float, int, int]]:
    """Return numbers that the run lacks, with milliseconds and step: name, value, time, step.

    These are what the notebook glued, and the last of what it logged only into runs below.
    """
    now = int(outcome.ended * 1000)
    last = {fit_name(name): reported for name, reported in summary(entries).items()}
    known = {fit_name(name) for e in entries if e.tracked is not Tracked.BELOW for name in e.values}
    glued = metrics_of(outcome)
    below = {name: each.last for name, each in last.items() if name not in known}
    return [
        (name, value, now, fit_step(last[name].step) if name in last else 0)
        for name, value in {**below, **glued}.items()
        if name not in known or not _is_same(last[name].last, value)
    ]


def _is_same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))
