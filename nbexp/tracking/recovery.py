"""Completes in MLflow what a run has left whose driver died."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from nbexp.files import read_json
from nbexp.run.folder import RunFolder, read_end
from nbexp.run.tracker import VariantRecord
from nbexp.tracking.connection import search
from nbexp.tracking.writer import VariantWriter

_log = logging.getLogger(__name__)


def recover_run(client: Any, writer: VariantWriter, run: Path) -> bool:
    """Complete a run in MLflow from its folder; return whether all could be written.

    Variants whose results lie in the folder are written as if the driver had lived; of the others
    what they logged is written, and they, and the run itself, are marked as killed.
    """
    try:
        tracking = read_json(run / "tracking.json")
    except (OSError, ValueError):
        return True  # it died before it began
    try:
        parent = client.get_run(tracking["run_id"])
        query = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
        children = list(search(client, [tracking["experiment_id"]], query))
        are_written = [_recover_variant(writer, child, RunFolder(run)) for child in children]
        if parent.info.status == "RUNNING":
            writer.end(parent.info.run_id, "KILLED")
    except Exception as error:  # it was deleted there, or was tracked somewhere else
        _log.debug("MLflow: %s", run, exc_info=error)
        return False
    return all(are_written)


def _recover_variant(writer: VariantWriter, child: Any, run: RunFolder) -> bool:
    run_id, tags = child.info.run_id, child.data.tags
    name, is_open = tags.get("nbexp.variant"), child.info.status == "RUNNING"
    if name is None or ("nbexp.key" in tags and not is_open):
        return True
    folder = run.variant(name)
    record = VariantRecord.read(folder)
    if record is None or record.tracking_id != run_id:  # an attempt before the last one
        record, folder = None, run.attempt(name, int(tags.get("nbexp.attempt", 1)))
    outcome = read_end(folder, record.key, record.pruned_key) if record else None
    try:
        if record and outcome and (is_open or outcome.state.is_success):
            writer.write(run_id, record, outcome, folder)
        elif is_open:
            writer.write_cut_off(run_id, folder)
    except Exception as error:
        _log.debug("MLflow: %s", folder, exc_info=error)
        return False
    return True
