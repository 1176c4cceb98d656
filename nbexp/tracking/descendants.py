"""Runs that a notebook began in MLflow, and that nobody ends any more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbexp.tracking.connection import search

_PARENT_TAG = "mlflow.parentRunId"


def end_descendants(client: Any, run_id: str, status: str) -> None:
    """End the runs below a run, at any depth and in any experiment, that are still running."""
    running = {
        run.info.run_id: run
        for run in search(client, _experiments(client), "attributes.status = 'RUNNING'")
    }
    for run in running.values():
        if run_id in _ancestors(client, run, running):
            client.set_terminated(run.info.run_id, status)


def _experiments(client: Any) -> list[str]:
    found, token = [], None
    while True:
        page = client.search_experiments(max_results=1000, page_token=token)
        found += [experiment.experiment_id for experiment in page]
        token = page.token
        if not token:
            return found


def _ancestors(client: Any, run: Any, known: dict[str, Any]) -> Iterator[str]:
    """Yield the ids of the runs above a run, the nearest first."""
    from mlflow.exceptions import MlflowException

    seen = {run.info.run_id}
    while (parent := run.data.tags.get(_PARENT_TAG)) and parent not in seen:
        yield parent
        seen.add(parent)
        try:
            run = known.get(parent) or client.get_run(parent)
        except MlflowException:  # it is in another server, or was deleted for good
            return
