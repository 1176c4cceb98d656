"""Reports as artifacts of runs in MLflow."""

from __future__ import annotations

import os
from pathlib import Path

from nbexp.errors import RunError
from nbexp.files import read_json
from nbexp.tracking.connection import Connection

PLACE = "report"  # among the artifacts of the parent run


def log_report(run: Path, report: Path, uri: str | None = None) -> None:
    """Keep a report with its run in MLflow; one that was there is overwritten.

    Args:
        run: The run's folder.
        report: The report's folder.
        uri: MLflow's tracking URI; by default the one that the run wrote down, or, since it writes
            down no password, ``MLFLOW_TRACKING_URI``.

    Raises:
        RunError: The run is not in MLflow, or MLflow can't be reached.
    """
    try:
        tracking = read_json(run / "tracking.json")
        run_id, known = str(tracking["run_id"]), str(tracking["uri"])
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{run.name} was not tracked in MLflow: {error}") from error
    hides_password = "//***@" in known
    connection = Connection(
        uri or (os.environ.get("MLFLOW_TRACKING_URI", "") if hides_password else known)
    )
    try:
        client = connection.client()
        with connection.told():
            client.log_artifacts(run_id, str(report), PLACE)
    finally:
        connection.close()
