"""Goes on from runs whose driver died: completes what they left, so that nothing is lost."""

from __future__ import annotations

from pathlib import Path

from nbexp.run.folder import RunFolder
from nbexp.run.history import list_runs, read_history
from nbexp.run.tracker import Tracker


def recover_runs(root: Path, tracker: Tracker) -> list[str]:
    """Complete the runs beside a pipeline that were cut off; return their names.

    Args:
        root: Folder of the pipeline.
        tracker: What remembers runs.
    """
    return [run.id for run in list_runs(root) if _recover(run, tracker)]


def _recover(run: RunFolder, tracker: Tracker) -> bool:
    if run.read_status().get("is_complete") or not run.try_lock():
        return False
    try:
        if run.read_status().get("is_complete"):  # another driver was faster
            return False
        tracker.recover(run.path)
        run.write_status(status_of(run, is_complete=True))
    finally:
        run.unlock()
    return True


def status_of(run: RunFolder, *, is_complete: bool) -> dict[str, object]:
    """Return the content of ``status.json``.

    Args:
        run: The run's folder.
        is_complete: Whether the run has ended and all of it has been tracked.
    """
    history = read_history(run)
    return {
        "run": run.id,
        "pipeline": history.pipeline,
        "state": history.state.value if history.state else "running",
        "is_complete": is_complete,
        "started": history.started,
        "ended": history.ended,
        "variants": {name: v.state.value for name, v in history.variants.items()},
    }
