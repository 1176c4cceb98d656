"""Completes what runs left whose drivers died, and hands over what the tracker lacks of runs."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from nbexp.errors import RunError
from nbexp.execute.cwd import clear
from nbexp.pipeline import Mode, Score
from nbexp.plan import metric_value
from nbexp.run.index import RunIndex
from nbexp.run.status import is_over, status_of
from nbexp.run.tracker import Tracker
from nbexp.runs.events import EventKind, EventLog, Events
from nbexp.runs.finding import list_runs
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory, fold
from nbexp.runs.outcome import read_end
from nbexp.runs.record import VariantRecord
from nbexp.runs.variant_folder import RUNS
from nbexp.states import State

_log = logging.getLogger(__name__)
_REASON = "the run was cut off"
_TRIES, _PAUSE_S = 3, 0.01


def complete_runs(runs: Iterable[RunFolder]) -> list[str]:
    """Write how runs ended that were cut off; return their names.

    A run that can't be completed is left as it is, and tried again the next time.

    Args:
        runs: Runs that have not said that they have ended; those that go on are left alone.
    """
    found = list(runs)
    if not found:
        return []
    with _one_at_a_time(found[0].path.parent):
        return [run.id for run in found if _complete(run)]


def hand_over_runs(root: Path, tracker: Tracker, index: RunIndex, *, own: str) -> list[str]:
    """Have what tracks runs take in what it lacks of those that have ended; return their names.

    Args:
        root: Folder of the pipeline.
        tracker: What remembers runs; it can be reached.
        index: The index of the runs.
        own: Name of the run that has just ended.

    Raises:
        RunError: The tracker can't be reached any more; the next time goes on with the rest.
    """
    with _alone(root / RUNS) as is_alone:
        if not is_alone:  # another run is about it
            return []
        runs = {run.id: run for run in list_runs(root) if run.id != own}
        index.refresh()
        complete = set(index.ended(is_complete=True))
        known = [run for run in runs.values() if run.id in complete]
        answers = (tracker.knows(run.path) for run in reversed(known))
        if next((answer for answer in answers if answer is not None), True) is False:
            for run in known:  # the tracker has lost its memory, of others as well
                _mark(run, is_complete=False)
            index.refresh()
        lacking = set(index.ended(is_complete=False))
        return [run.id for run in runs.values() if run.id in lacking and _hand_over(run, tracker)]


def _hand_over(run: RunFolder, tracker: Tracker) -> bool:
    try:
        with _locked(run) as is_free:
            if not is_free or not tracker.recover(run.path):
                return False
            _mark(run, is_complete=True)
    except RunError:
        raise
    except Exception as error:  # whatever is in there must not keep the others back
        _log.warning("%s can't be tracked: %s", run.path, error)
        return False
    return True


def _mark(run: RunFolder, *, is_complete: bool) -> None:
    """Note whether all of a run that has ended is tracked."""
    with _as_old_as_before(run):
        run.write_status(run.read_status() | {"is_complete": is_complete})


@contextlib.contextmanager
def _as_old_as_before(run: RunFolder) -> Iterator[None]:
    """Keep the time of a run's folder, so that the newest run is the last that was changed."""
    found = run.path.stat()
    try:
        yield
    finally:
        os.utime(run.path, ns=(found.st_atime_ns, found.st_mtime_ns))


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Let a driver wait until another has completed what there is, and find all of it."""
    with (folder / ".recover.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Yield whether no other process hands over runs of this folder; until the end, none does."""
    with (folder / ".hand-over.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


@contextlib.contextmanager
def _locked(run: RunFolder) -> Iterator[bool]:
    is_free = _lock(run)
    try:
        with _as_old_as_before(run):
            yield is_free
    finally:
        if is_free:
            run.unlock()


def _complete(run: RunFolder) -> bool:
    try:
        with _locked(run) as is_free:
            if not is_free or is_over(run.read_status()):
                return False
            _write_end(run)
    except Exception as error:  # whatever is in there must not keep a new run from starting
        _log.warning("%s was cut off, and can't be completed: %s", run.path, error)
        return False
    return True


def _write_end(run: RunFolder) -> None:
    history = fold(run.read_events(all_known=True))  # a later nbexp's is not for us to end
    history.id = history.id or run.id
    events = Events([EventLog(run), history])
    for variant in list(history.variants.values()):
        if not variant.state.is_final:
            _tell_end(run, history, variant, events)
    if history.state is None:
        events.emit(EventKind.RUN_ENDED, state=State.STOPPED.value)
    run.write_status(status_of(history, is_complete=False))


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
    clear(run.variant(variant.name).work)
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
