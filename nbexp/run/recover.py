"""Goes on from runs whose driver died: completes what they left, so that nothing is lost."""

from __future__ import annotations

from pathlib import Path

from nbexp.plan import metric_value
from nbexp.run.events import EventKind, Events
from nbexp.run.folder import EventLog, RunFolder, read_outcome
from nbexp.run.history import RunHistory, VariantHistory, fold, list_runs
from nbexp.run.status import status_of
from nbexp.run.tracker import Tracker, VariantRecord
from nbexp.states import State

_REASON = "the run was cut off"


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
        history = fold(run.read_events())
        events = Events([EventLog(run), history])
        for variant in list(history.variants.values()):
            if not variant.state.is_final:
                _tell_end(run, history, variant, events)
        if history.state is None:
            events.emit(EventKind.RUN_ENDED, state=State.STOPPED.value)
        run.write_status(status_of(history, is_complete=True))
    finally:
        run.unlock()
    return True


def _tell_end(run: RunFolder, history: RunHistory, variant: VariantHistory, events: Events) -> None:
    data = {"variant": variant.name, "stage": variant.stage, "label": variant.label}
    record = VariantRecord.read(run.variant(variant.name))
    outcome = read_outcome(run.variant(variant.name), record.key) if record else None
    if outcome is None:
        events.emit(EventKind.VARIANT_ENDED, **data, state=State.STOPPED.value, reason=_REASON)
        return
    metric = history.metrics.get(variant.stage, [None])[0]
    events.emit(
        EventKind.VARIANT_ENDED,
        **data,
        state=outcome.state.value,
        duration_s=outcome.duration_s,
        metric=metric_value(outcome.scraps, metric),
    )
