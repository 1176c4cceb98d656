"""The runs before a run: what a variant of it is compared with, and what has changed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from nbexp.plan import CODE_CHANGED, differences
from nbexp.runs.finding import list_runs
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import read_history
from nbexp.runs.record import VariantRecord, is_inline
from nbexp.source.changes import cell_changes
from nbexp.states import State


@dataclass(frozen=True)
class EarlierVariant:
    """A variant of an earlier run, to compare one with.

    Attributes:
        run: Folder of its run.
        record: What was written of it.
        why_not_cached: Why its result was not taken, in a sentence.
    """

    run: RunFolder
    record: VariantRecord
    why_not_cached: str

    @property
    def title(self) -> str:
        """Its run and name, as RUN/VARIANT."""
        return f"{self.run.id}/{self.record.name}"


class EarlierRuns:
    """The runs before a run, newest first, read as far as they are needed.

    Args:
        root: Folder of the pipeline.
        folder: The run's folder.
    """

    def __init__(self, root: Path, folder: RunFolder) -> None:
        earlier = takewhile(lambda run: run.id != folder.id, list_runs(root))
        self._runs = list(earlier)[::-1]
        self._of_stage: dict[str, tuple[RunFolder | None, list[VariantRecord]]] = {}

    def find(self, record: VariantRecord) -> EarlierVariant | None:
        """Return the variant of that name in the newest run that has it, else the nearest one."""
        for run in self._runs:
            same = VariantRecord.read(run.variant(record.name))
            if same is not None:
                return EarlierVariant(run, same, _why_not_cached(run, record.name))
        newest, records = self._newest(record.stage)
        if newest is None:
            return None
        nearest = min(records, key=lambda each: len(differences(each.parts, record.parts)))
        return EarlierVariant(newest, nearest, _why_not_cached(newest, nearest.name))

    def _newest(self, stage: str) -> tuple[RunFolder | None, list[VariantRecord]]:
        if stage not in self._of_stage:
            self._of_stage[stage] = (None, [])
            for run in self._runs:
                folders = sorted(run.variants.glob(f"{stage}-*"))
                found = [r for f in folders if (r := VariantRecord.read(f)) and r.stage == stage]
                if found:
                    self._of_stage[stage] = (run, found)
                    break
        return self._of_stage[stage]


def _why_not_cached(run: RunFolder, variant: str) -> str:
    record, known = (
        VariantRecord.read(run.variant(variant)),
        read_history(run).variants.get(variant),
    )
    if record is not None and is_inline(record.key):
        return "it ran inline there, where nothing tells what it used"
    if known is None:
        return "what became of it there is not known"
    state = known.state
    if state is State.PRUNED:
        return "it was pruned there, by a scheduler that has other settings now or is gone"
    if state.is_success:
        return "it was run with --fresh, or the earlier result was no longer in its place"
    return f"it {ended_text(state)} there"


def changes_since(
    run: RunFolder, record: VariantRecord, parts: Mapping[str, Any], template: Path
) -> list[str]:
    """Return what is different from a variant of a run, with the cells that changed.

    Args:
        run: The run.
        record: The variant.
        parts: What the identity is made of now.
        template: The template as it is now.
    """
    found: list[str] = []
    for change in differences(record.parts, parts):
        if change == CODE_CHANGED:
            before = run.kept_template(Path(record.template), str(record.parts.get("code")))
            found += cell_changes(before, template) or [change]
        else:
            found.append(change)
    return found


def ended_text(state: State) -> str:
    """Return how a variant ended that left no result, such as ``failed``."""
    return {State.FAILED: "failed", State.TIMED_OUT: "timed out"}.get(state, f"was {state}")
