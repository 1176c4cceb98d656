"""What variants log while they run, in MLflow: numbers by step, and media as artifacts."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nbexp.files import shown_json, to_float
from nbexp.metrics import Entry, read_metrics
from nbexp.runs.variant_folder import MEDIA, VariantFolder
from nbexp.tracking.content import fit_name, fit_step

_BATCH = 1000  # the most that MLflow takes at once

# Name, step, milliseconds since 1970: one that goes on from another's snapshot comes back to steps.
Point = tuple[str, int, int]


class SeriesWriter:
    """Writes what variants log into their runs in MLflow, each point once.

    Which points a run has is remembered. Where that is not certain, since a write failed or it is
    another process's run, MLflow is asked, and all that the variant's file holds is made up for.

    Args:
        client: Returns MLflow's client.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client
        self._written: dict[str, set[Point]] = {}  # by run; none where it is not certain

    def begin(self, run_id: str) -> None:
        """Note that a run is new, and has no points yet."""
        self._written[run_id] = set()

    def forget(self, run_id: str) -> None:
        """Forget which points a run has."""
        self._written.pop(run_id, None)

    def append(self, run_id: str, folder: Path, entries: Sequence[Entry]) -> None:
        """Write entries that a variant has just logged."""
        if run_id in self._written:
            self._write(run_id, folder, entries)
        else:
            self._write(run_id, folder, read_metrics(VariantFolder(folder).metrics))

    def complete(self, run_id: str, folder: Path) -> list[Entry]:
        """Write all of a variant that is not there yet; return all that it has logged."""
        entries = read_metrics(VariantFolder(folder).metrics)
        self._write(run_id, folder, entries)
        self.forget(run_id)
        return entries

    def _write(self, run_id: str, folder: Path, entries: Sequence[Entry]) -> None:
        entries = [entry for entry in entries if not entry.tracked]
        # What was known is put back once all has been written: a failure leaves us uncertain.
        written = self._written.pop(run_id, None)
        if written is None:
            written = self._ask(run_id, entries)
        self._write_numbers(run_id, entries, written)
        self._write_media(run_id, folder, entries, written)
        self._written[run_id] = written

    def _ask(self, run_id: str, entries: Sequence[Entry]) -> set[Point]:
        """Return which numbers MLflow has; media are simply written again."""
        client = self._client()
        names = {fit_name(name) for entry in entries for name in entry.values}
        return {
            (name, metric.step, metric.timestamp)
            for name in names
            for metric in client.get_metric_history(run_id, name)
        }

    def _write_numbers(self, run_id: str, entries: Sequence[Entry], written: set[Point]) -> None:
        from mlflow.entities import Metric

        fresh = list(_fresh(((entry, entry.values) for entry in entries), written))
        metrics = [Metric(name, to_float(v), ms, step) for (name, step, ms), v in fresh]
        for start in range(0, len(metrics), _BATCH):
            self._client().log_batch(run_id, metrics=metrics[start : start + _BATCH])
        written.update(point for point, _ in fresh)

    def _write_media(
        self, run_id: str, folder: Path, entries: Sequence[Entry], written: set[Point]
    ) -> None:
        for point, value in _fresh(((entry, entry.rich) for entry in entries), written):
            if self._write_medium(run_id, folder, point, value):
                written.add(point)

    def _write_medium(
        self, run_id: str, folder: Path, point: Point, value: Mapping[str, Any]
    ) -> bool:
        """Write a text, image or histogram; return whether it was there to be written."""
        client, path = self._client(), f"{MEDIA}/{point[0]}-{point[1]}"
        if "file" in value:
            if not (folder / value["file"]).is_file():
                return False
            place = posixpath.dirname(value["file"]) or MEDIA
            client.log_artifact(run_id, str(folder / value["file"]), place)
        elif "text" in value:
            client.log_text(run_id, value["text"], f"{path}.txt")
        else:
            client.log_text(run_id, shown_json(dict(value)), f"{path}.json")
        return True


def _fresh(
    entries: Iterable[tuple[Entry, Mapping[str, Any]]], written: Collection[Point]
) -> Iterator[tuple[Point, Any]]:
    """Yield the points that are not written yet, with their values."""
    for entry, values in entries:
        for name, value in values.items():
            point = (fit_name(name), fit_step(entry.step), max(0, int(entry.time * 1000)))
            if point not in written:
                yield point, value
