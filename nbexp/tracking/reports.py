"""Reports as artifacts of runs in MLflow."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from nbexp.errors import RunError
from nbexp.files import link_or_copy, read_json, replace_folder
from nbexp.runs.folder import RunFolder
from nbexp.tracking.connection import Connection
from nbexp.urls import local_path, sqlite_file, sqlite_url

PLACE = "report"  # among the artifacts of the parent run


def is_tracked(run: Path) -> bool:
    """Whether a run is in MLflow; one in which all was cached is entered by a later run.

    Args:
        run: The run's folder.
    """
    try:
        return "run_id" in read_json(RunFolder(run).tracking)
    except (OSError, ValueError, TypeError):
        return False


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
        tracking = read_json(RunFolder(run).tracking)
        run_id, known = str(tracking["run_id"]), str(tracking["uri"])
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{run.name} was not tracked in MLflow: {error}") from error
    moved = _moved(known, run)
    if moved is None and (artifacts := _local(str(tracking.get("artifacts", "")))) is not None:
        _put(report, artifacts / PLACE)
        return
    known, hides_password = moved or known, "//***@" in known
    connection = Connection(
        uri or (os.environ.get("MLFLOW_TRACKING_URI", "") if hides_password else known)
    )
    try:
        client = connection.client()
        with connection.translate_errors():
            client.log_artifacts(run_id, str(report), PLACE)
    finally:
        connection.close()


def _moved(uri: str, run: Path) -> str | None:
    """Return where the database of a run is now, if it was moved or copied with its project."""
    then, project = sqlite_file(uri), run.absolute().parents[1]
    if then is None:
        return None
    ends = (Path(*then.parts[-count:]) for count in range(1, len(then.parts)))
    now = next((project / end for end in ends if (project / end).is_file()), None)
    is_there = now is None or (then.is_file() and then.samefile(now))
    return None if now is None or is_there else sqlite_url(now)


def _local(uri: str) -> Path | None:
    """Return the folder that an address of artifacts means, where it is one that is there."""
    folder = local_path(uri)
    return folder if folder and folder.parent.is_dir() else None


def _put(source: Path, target: Path) -> None:
    """Put a folder into another place; what was there is replaced once the new one is whole."""
    beside = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        shutil.copytree(source, beside, copy_function=link_or_copy)
        replace_folder(beside, target)
    except OSError as error:
        raise RunError(f"{target} can't be written: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
