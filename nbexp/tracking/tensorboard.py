"""What variants log while they run, as event files of TensorBoard: ``tensorboard --logdir RUN``.

RUN/tensorboard/train/train-3f9a2c81 hidden=32 lr=0.01/events.out.tfevents.…

A file is opened for each batch and closed after it, so that it can be read while the run goes
on, and any number of variants leaves no file open.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from nbexp.files import shown_json
from nbexp.metrics import Entry
from nbexp.runs.events import Event, EventKind
from nbexp.runs.folder import RunFolder
from nbexp.states import State
from nbexp.tracking import eventfile
from nbexp.tracking.eventfile import Record, append_records, append_restart, records_of, start_file

_FILES = "events.out.tfevents."
_MAX_NAME = 120


@dataclass
class _Series:
    """The event file of a variant, and what is in it."""

    file: Path
    names: set[str] = field(default_factory=set)
    last_step: int = 0


@dataclass
class _Variant:
    """What is known of a variant that has not ended."""

    label: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    series: _Series | None = None  # once it has logged something


class TensorboardListener:
    """Writes the event files of a run; nothing where no variant logs anything.

    Args:
        run_folder: Folder of the run.
    """

    def __init__(self, run_folder: Path) -> None:
        self._run = run_folder
        self._metrics: dict[str, str] = {}  # by stage
        self._variants: dict[str, _Variant] = {}
        self._reactions: dict[EventKind, Callable[[Event], None]] = {
            EventKind.RUN_STARTED: self._begin,
            EventKind.VARIANT_ADDED: self._add,
            EventKind.VARIANT_STARTED: self._start,
            EventKind.METRICS: self._log,
            EventKind.VARIANT_EXPLOITED: self._exploit,
            EventKind.VARIANT_RETRIED: self._retry,
            EventKind.VARIANT_ENDED: self._end,
        }

    def notify(self, event: Event) -> None:
        """Take in an event."""
        react = self._reactions.get(event.kind)
        if react is not None:
            react(event)

    def _begin(self, event: Event) -> None:
        self._metrics = {stage: spec[0] for stage, spec in event.data["metrics"].items()}

    def _add(self, event: Event) -> None:
        self._of(event).label = event.data.get("label", "")

    def _start(self, event: Event) -> None:
        variant = self._of(event)
        variant.params = dict(event.data.get("params", {}))
        variant.attempt = event.data.get("attempt", 1)

    def _log(self, event: Event) -> None:
        entries = [Entry.from_record(record) for record in event.data["entries"]]
        if not entries:
            return
        variant = self._of(event)
        if variant.series is None:
            variant.series = self._open(event, variant)
        folder = RunFolder(self._run).variant(event.data["variant"]).path
        records = [each for entry in entries for each in records_of(entry, folder)]
        append_records(variant.series.file, records)
        variant.series.names.update(name for entry in entries for name in entry.values)
        variant.series.last_step = max(variant.series.last_step, *(e.step for e in entries))

    def _exploit(self, event: Event) -> None:
        series, data = self._of(event).series, event.data
        if series is not None:
            append_restart(series.file, event.time, data["step"] + 1)
            said = f"goes on from {data['donor']} with {shown_json(data['params'])}"
            record = Record(event.time, data["step"], eventfile.text("exploit", said))
            append_records(series.file, [record])

    def _retry(self, event: Event) -> None:
        """Drop what an attempt has logged: the next logs all of it again."""
        variant = self._of(event)
        if variant.series is not None:
            variant.series.file.unlink(missing_ok=True)
            variant.series = None

    def _end(self, event: Event) -> None:
        variant = self._of(event)
        del self._variants[event.data["variant"]]
        if variant.series is not None:
            self._close(event, variant.series)
        elif event.data.get("source"):
            self._adopt(event, variant, Path(event.data["source"]))

    def _of(self, event: Event) -> _Variant:
        return self._variants.setdefault(event.data["variant"], _Variant())

    def _folder(self, event: Event, variant: _Variant) -> Path:
        name = f"{event.data['variant']} {variant.label}"
        return RunFolder(self._run).tensorboard / _file_safe(event.data["stage"]) / _file_safe(name)

    def _open(self, event: Event, variant: _Variant) -> _Series:
        folder = self._folder(event, variant)
        folder.mkdir(parents=True, exist_ok=True)
        # A driver that goes on with a run is told all entries again.
        for old in folder.glob(f"{_FILES}*"):
            old.unlink()
        # TensorBoard reads files by name: one that comes after another is named after it.
        name = f"{_FILES}{int(event.time):010d}.nbexp.{variant.attempt:04d}"
        start_file(folder / name, event.time, variant.params)
        return _Series(folder / name)

    def _close(self, event: Event, series: _Series) -> None:
        """Write the final metric, where it was glued and not logged, and how it ended."""
        name, value = self._metrics.get(event.data["stage"]), event.data.get("metric")
        is_success = State(event.data["state"]).is_success
        summaries = [eventfile.end(event.time, is_success=is_success)]
        if name is not None and value is not None and name not in series.names:
            summaries.append(eventfile.scalar(name, value))
        records = [Record(event.time, series.last_step, summary) for summary in summaries]
        append_records(series.file, records)

    def _adopt(self, event: Event, variant: _Variant, source: Path) -> None:
        """Show a cached variant with what it logged in the run that it was taken from."""
        target = self._folder(event, variant)
        for stage in RunFolder(source.parents[1]).tensorboard.glob("*/"):
            folder = _folders(stage, stage.stat().st_mtime_ns).get(source.name)
            for file in folder.glob(f"{_FILES}*") if folder else ():
                target.mkdir(parents=True, exist_ok=True)
                _link_or_copy(file, target / file.name)


@lru_cache(maxsize=64)
def _folders(stage: Path, changed: int) -> dict[str, Path]:  # noqa: ARG001 - listed anew after it
    """Return the folders of a stage's variants by name, as they are since it last changed."""
    return {folder.name.split()[0]: folder for folder in stage.iterdir()}


def _file_safe(name: str) -> str:
    return re.sub(r"[^\w=+,.@ -]+", "_", name, flags=re.ASCII)[:_MAX_NAME].strip(" .")


def _link_or_copy(file: Path, target: Path) -> None:
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copy2(file, target)
