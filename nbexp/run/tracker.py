"""The seam to what remembers runs beyond their folders; MLflow in the room `nbexp.tracking`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nbexp.execute.job import Outcome
from nbexp.files import read_json, write_json
from nbexp.metrics import Entry
from nbexp.plan.keys import hashed
from nbexp.records import check
from nbexp.states import State


@dataclass(frozen=True)
class VariantRecord:
    """What is written of a variant before it runs; also the content of ``variant.json``.

    Attributes:
        name: Name of the variant.
        stage: Name of its stage.
        label: The parameters that tell it from its siblings.
        params: Parameters as the notebook gets them.
        lineage: For each stage that it descends from, the name of the variant.
        key: Its identity.
        parts: What the identity is made of.
        template: Path of the template.
        attempt: Number of the attempt, from 1.
        tracking_id: The tracker's own name for it.
        source: Folder of the run that it was taken from, for a cached one.
        search: The search that suggested its parameters, in whichever form; empty for none.
        pruned_key: Identity of what it leaves if it is stopped early; empty where it can't be.
        texts: Content hash of the template's text cells.
        changed: What it used in an earlier execution of this identity and is not the same any more,
            one sentence each.
    """

    name: str
    stage: str
    label: str
    params: Mapping[str, Any]
    lineage: Mapping[str, str]
    key: str
    parts: Mapping[str, Any]
    template: str
    attempt: int = 1
    tracking_id: str | None = None
    source: str | None = None
    search: str = ""
    pruned_key: str = ""
    texts: str = ""
    changed: Sequence[str] = ()

    @property
    def content(self) -> dict[str, Any]:
        """Its parameters with hashes in the place of artifacts and notebooks, whose paths differ
        where they hold the same.
        """  # noqa: D205
        return dict(hashed(dict(self.params), self.parts.get("params")))

    def write(self, folder: Path) -> None:
        """Write the record into a variant's folder."""
        write_json(folder / "variant.json", vars(self), is_checked=True)

    @classmethod
    def read(cls, folder: Path) -> VariantRecord | None:
        """Return the record in a variant's folder, or None where there is none of that variant."""
        try:
            fields = read_json(folder / "variant.json")
            check(fields, cls)
            record = cls(**fields)
        except (OSError, ValueError, TypeError):
            return None
        is_another = folder.parent.name == "variants" and folder.name != record.name
        return None if is_another else record


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
