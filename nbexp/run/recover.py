"""Goes on from runs whose driver died: completes what they left, so that nothing is lost."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from nbexp.execute.cwd import WORK, clear
from nbexp.pipeline import Mode, Score
from nbexp.plan import metric_value
from nbexp.run.events import EventKind, Events
from nbexp.run.folder import RUNS, EventLog, RunFolder, read_end
from nbexp.run.history import RunHistory, VariantHistory, fold, list_runs
from nbexp.run.status import status_of
from nbexp.run.tracker import Tracker, VariantRecord
from nbexp.states import State

_log = logging.getLogger(__name__)
_REASON = "the run was cut off"
_TRIES, _PAUSE_S = 3, 0.01


def recover_runs(root: Path, tracker: Tracker) -> list[str]:
    """Complete the runs beside a pipeline that were cut off; return their names.

    A run that can't be completed is left as it is, and tried again the next time.

    Args:
        root: Folder of the pipeline.
        tracker: What remembers runs.
    """
    names = []
    with _one_at_a_time(root / RUNS):
        for run in list_runs(root):
            try:
                if _recover(run, tracker):
                    names.append(run.id)
            except Exception as error:  # whatever is in there must not keep a new run from starting
                _log.warning("%s was cut off, and can't be completed: %s", run.path, error)
    return names


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let a driver wait until another has completed what there is, and find all of it."""
    if not folder.is_dir():
        yield
        return
    with (folder / ".recover.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _recover(run: RunFolder, tracker: Tracker) -> bool:
    if run.read_status().get("is_complete") or not _lock(run):
        return False
    try:
        history = fold(run.read_events(all_known=True))  # a later nbexp's is not for us to end
        history.id = history.id or run.id
        is_complete = tracker.recover(run.path)
        events = Events([EventLog(run), history])
        for variant in list(history.variants.values()):
            if not variant.state.is_final:
                _tell_end(run, history, variant, events)
        if history.state is None:
            events.emit(EventKind.RUN_ENDED, state=State.STOPPED.value)
        run.write_status(status_of(history, is_complete=is_complete))
    finally:
        run.unlock()
    return True


def _lock(run: RunFolder) -> bool:
    """Lock a run; one who only looks whether it is alive holds the lock for an instant, too."""
    for _ in range(_TRIES):
        if run.try_lock():
            return True
        time.sleep(_PAUSE_S)
    return False


def _tell_end(run: RunFolder, history: RunHistory, variant: VariantHistory, events: Events) -> None:
    data = {"variant": variant.name, "stage": variant.stage, "label": variant.label}
    record = VariantRecord.read(run.variant(variant.name))
    keys = (record.key, record.pruned_key) if record else ()
    outcome = read_end(run.variant(variant.name), *keys)
    clear(run.variant(variant.name) / WORK)
    if record is None or outcome is None:
        events.emit(EventKind.VARIANT_ENDED, **data, state=State.STOPPED.value, reason=_REASON)
        return
    metric, mode = history.metrics.get(variant.stage, (None, Mode.MAX))
    score = history.scores.get(variant.stage, Score.LAST)
    more = {"source": record.source} if record.source else {}
    is_cached = record.source is not None and outcome.state is State.FINISHED
    events.emit(
        EventKind.VARIANT_ENDED,
        **data,
        state=(State.CACHED if is_cached else outcome.state).value,
        duration_s=outcome.duration_s,
        metric=metric_value(outcome, metric, Mode(mode), Score(score)),
        error=vars(outcome.error) if outcome.error else None,
        **more,
    )
