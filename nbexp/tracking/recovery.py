"""Writes into MLflow what a run has left that is not there.

Its driver died, MLflow was away or was not needed, or its database was deleted since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nbexp.files import read_json, write_json
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, fold
from nbexp.runs.outcome import read_end
from nbexp.runs.record import VariantRecord
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State
from nbexp.tracking.content import lineage_tags
from nbexp.tracking.writer import VariantWriter, status_of


@dataclass(frozen=True)
class TrackingTarget:
    """One MLflow, as those know it who write into it.

    Attributes:
        uri: Its tracking URI, as it is written down.
        client: MLflow's client.
        writer: Writes variants.
        make_experiment: Returns the id of an experiment, by name.
    """

    uri: str
    client: Any
    writer: VariantWriter
    make_experiment: Callable[[str], str]


class Recovery:
    """Completes one run in MLflow; each of its parts once, however often it is broken off.

    Args:
        place: MLflow.
        run: The run's folder; the run has ended.
    """

    def __init__(self, place: TrackingTarget, run: RunFolder) -> None:
        self._place = place
        self._run = run
        self._tracking = _table(run.tracking)

    def complete(self) -> bool:
        """Write what is missing; return False if the run is tracked somewhere else.

        What was deleted in MLflow on purpose stays deleted.
        """
        if not self._tracking:
            return True  # it died before it began
        parent = self._find_parent()
        if parent is None and not self._is_ours:
            return False
        parent = parent or self._begin_parent()
        if parent.info.lifecycle_stage == "active":
            self._complete_variants(parent)
            if parent.info.status == "RUNNING":
                self._end(parent)
        return True

    def is_known(self) -> bool | None:
        """Whether the run is in MLflow; None if it is tracked somewhere else."""
        if self._find_parent() is not None:
            return True
        return False if self._is_ours else None

    @property
    def _is_ours(self) -> bool:
        """Whether the run was tracked in this MLflow, or in a database that is gone."""
        uri = str(self._tracking.get("uri", ""))
        file = uri.removeprefix("sqlite:///")
        return uri == self._place.uri or (file != uri and not Path(file).exists())

    @cached_property
    def _history(self) -> RunHistory:
        return fold(self._run.read_events())

    def _find_parent(self) -> Any | None:
        from mlflow.exceptions import MlflowException

        if "run_id" not in self._tracking:
            return None
        try:
            return self._place.client.get_run(self._tracking["run_id"])
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None

    def _begin_parent(self) -> Any:
        """Begin the run's own run; one that was begun and not noted down is taken up."""
        history, client, run = self._history, self._place.client, self._run
        experiment = self._place.make_experiment(self._experiment())
        query = f"tags.`nbexp.run` = '{run.id}' and tags.`nbexp.folder` = '{run.path}'"
        begun = client.search_runs([experiment], filter_string=query, max_results=1)
        parent = next(iter(begun), None) or client.create_run(
            experiment,
            start_time=int(history.started * 1000),
            run_name=run.id,
            tags={**self._tags(), "nbexp.folder": str(run.path)},
        )
        self._tracking |= {
            "uri": self._place.uri,
            "experiment_id": experiment,
            "run_id": parent.info.run_id,
            "artifacts": parent.info.artifact_uri,
        }
        write_json(run.tracking, self._tracking)
        return parent

    def _experiment(self) -> str:
        tracking = _table(self._run.pipeline).get("tracking", {})
        return str(tracking.get("experiment") or self._history.pipeline or self._run.id)

    def _tags(self) -> dict[str, str]:
        project = self._run.path.parents[1]
        return {
            "nbexp.pipeline": self._history.pipeline,
            "nbexp.run": self._run.id,
            "mlflow.source.name": str(project),
            "mlflow.source.type": "PROJECT",
            **self._tracking.get("source", {}),
        }

    def _complete_variants(self, parent: Any) -> None:
        children = {child.info.run_id: child for child in self._children(parent)}
        for record, folder in _attempts(self._run):
            child = children.pop(_match(children, record), None)
            if child is None:
                child = self._begin(parent, record, folder)
            _note(folder, child.info.run_id)
            self._complete(child, record, folder)
        for run_id, child in children.items():  # of attempts that left nothing else
            if child.info.status == "RUNNING":
                number = int(child.data.tags.get("nbexp.attempt", 1))
                name = child.data.tags.get("nbexp.variant", "")
                self._place.writer.write_cut_off(
                    run_id, self._run.variant(name).attempt(number).path
                )

    def _children(self, parent: Any) -> Iterator[Any]:
        """Yield the runs of the run's variants, also those that were deleted."""
        from mlflow.entities import ViewType

        token, query = None, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
        while True:
            page = self._place.client.search_runs(
                [parent.info.experiment_id], query, ViewType.ALL, page_token=token
            )
            yield from (child for child in page if "nbexp.variant" in child.data.tags)
            token = page.token
            if not token:
                return

    def _begin(self, parent: Any, record: VariantRecord, folder: Path) -> Any:
        outcome = read_end(folder, record.key, record.pruned_key)
        child = self._place.client.create_run(
            parent.info.experiment_id,
            start_time=int(1000 * (outcome.started if outcome else self._history.started)),
            run_name=f"{record.name} {record.label}".strip()[:250],
            tags={
                **self._tags(),
                **lineage_tags(record),
                "nbexp.folder": str(folder),
                "mlflow.parentRunId": parent.info.run_id,
            },
        )
        self._place.writer.begin(child)
        return child

    def _complete(self, child: Any, record: VariantRecord, folder: Path) -> None:
        """Write a variant, as if the driver had lived and MLflow had been there."""
        run_id, is_open = child.info.run_id, child.info.status == "RUNNING"
        is_whole = "nbexp.key" in child.data.tags and not is_open
        if is_whole or child.info.lifecycle_stage != "active":
            return
        outcome = read_end(folder, record.key, record.pruned_key)
        if outcome and (is_open or outcome.state.is_success):
            self._place.writer.write(run_id, record, outcome, folder)
        elif is_open:
            self._place.writer.write_cut_off(run_id, folder)

    def _end(self, parent: Any) -> None:
        client, run_id, ended = self._place.client, parent.info.run_id, self._history.ended
        for file in (self._run.pipeline_file, self._run.pipeline, self._run.plan):
            if file.is_file():
                client.log_artifact(run_id, str(file))
        if self._run.report_page.is_file():
            client.log_artifacts(run_id, str(self._run.report), self._run.report.name)
        status = status_of(self._history.state or State.STOPPED)
        self._place.writer.end(run_id, status, int(ended * 1000) if ended else None)


def _attempts(run: RunFolder) -> Iterator[tuple[VariantRecord, Path]]:
    """Yield what was executed in a run, and where it lies: each attempt of each variant."""
    for folder in sorted(run.variants.iterdir()):
        record = VariantRecord.read(folder)
        if record is None or record.source is not None:
            continue
        for number in range(1, record.attempt):
            attempt = run.variant(record.name).attempt(number).path
            if attempt.is_dir():
                yield replace(record, attempt=number, tracking_id=None), attempt
        yield record, folder


def _match(children: Mapping[str, Any], record: VariantRecord) -> str:
    """Return the id of the run that an attempt has in MLflow; empty if it has none."""
    if record.tracking_id in children:
        return str(record.tracking_id)
    wanted = (record.name, str(record.attempt))
    for run_id, child in children.items():
        tags = child.data.tags
        if (tags.get("nbexp.variant"), tags.get("nbexp.attempt")) == wanted:
            return run_id
    return ""


def _note(folder: Path, run_id: str) -> None:
    """Note in a variant's folder which run it has; an earlier attempt's folder has no record."""
    record = _table(VariantFolder(folder).record)
    if record and record.get("tracking_id") != run_id:
        record |= {"tracking_id": run_id}
        write_json(VariantFolder(folder).record, record, is_checked=True)


def _table(file: Path) -> dict[str, Any]:
    try:
        return dict(read_json(file))
    except (OSError, ValueError, TypeError):
        return {}
