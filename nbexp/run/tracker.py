"""The seam to what remembers runs beyond their folders; MLflow in the room `nbexp.tracking`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nbexp.metrics import Entry
from nbexp.runs.outcome import Outcome
from nbexp.runs.record import VariantRecord
from nbexp.states import State


@dataclass(frozen=True)
class KnownResult:
    """What a variant of an earlier run came to.

    Attributes:
        params: Its parameters by name, such as ``optimizer.lr`` for a value in a table; JSON
            values, except that a text that reads like JSON can't be told from it.
        value: Its metric, a finite number.
        search: The search that suggested its parameters, as it was recorded; empty for none.
    """

    params: Mapping[str, Any]
    value: float
    search: str = ""


class Tracker(Protocol):
    """Remembers runs and variants, and finds those that finished elsewhere."""

    @property
    def failures(self) -> Sequence[str]:
        """What could not be written, and why."""

    def find(self, keys: Collection[str]) -> Mapping[str, Sequence[Path]]:
        """Return the folders of variants that finished with these keys, the newest first.

        It is asked for what the index of the runs beside the pipeline does not know.
        """

    def results(self, stage: str, metric: str, limit: int) -> Sequence[KnownResult]:
        """Return what variants of a stage came to that finished or were pruned, newest first.

        Args:
            stage: Name of the stage.
            metric: Name of the metric; variants without a finite value of it are left out.
            limit: How many at most.
        """

    def open_run(self, run: Path) -> None:
        """Begin a run."""

    def begin(self, record: VariantRecord, folder: Path) -> tuple[str | None, Mapping[str, str]]:
        """Begin a variant; return the tracker's name for it and variables for its kernel."""

    def log(self, record: VariantRecord, folder: Path, entries: Sequence[Entry]) -> None:
        """Write soon what a running variant has logged since the last call."""

    def finish(
        self, record: VariantRecord, outcome: Outcome, folder: Path, done: Callable[[], None]
    ) -> None:
        """Write how a variant ended, soon; then call `done`, whether it worked or not.

        What its folder's metrics hold and could not be written before is written, too.
        """

    def close_run(self, state: State) -> None:
        """Wait until everything is written, and end the run."""

    def recover(self, run: Path) -> bool:
        """Write what a run that has ended left and is not written; False if it is not for us.

        Raises:
            RunError: The tracker can't be reached, or not all could be written.
        """

    def knows(self, run: Path) -> bool | None:
        """Whether a run that was written is still there; None if it is not for us.

        Raises:
            RunError: The tracker can't be reached.
        """
