"""Why variants of a run ran or did not, and what the next run would do with them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nbexp.explain.earlier import EarlierRuns, changes_since
from nbexp.explain.next_run import NextRun
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory
from nbexp.runs.record import VariantRecord
from nbexp.states import State


@dataclass(frozen=True)
class Reasons:
    """Why a variant ran or did not.

    Attributes:
        variant: Name of the variant.
        label: The parameters that tell it from its siblings.
        state: How it stands in the run.
        why: Why that is so, in sentences.
        compared_with: The variant of an earlier run that it was compared with, as RUN/VARIANT.
        next_run: What the next run would do with it; None where that is not known.
        next_why: Why, in sentences.
    """

    variant: str
    label: str
    state: State
    why: tuple[str, ...]
    compared_with: str | None = None
    next_run: str | None = None
    next_why: tuple[str, ...] = ()

    def to_record(self) -> dict[str, Any]:
        """Return them as a table for JSON."""
        return asdict(self) | {"state": self.state.value}


class Explainer:
    """Tells why variants of a run ran or did not, and what the next run would do with them.

    Args:
        root: Folder of the pipeline.
        folder: The run's folder.
        history: What is known of the run.
    """

    def __init__(self, root: Path, folder: RunFolder, history: RunHistory) -> None:
        self._folder = folder
        self._earlier = EarlierRuns(root, folder)
        self._next = NextRun(root, folder, history)

    @property
    def problem(self) -> str:
        """Why it is not known what the next run would do; empty where it is."""
        return self._next.problem

    def reasons(self, variant: VariantHistory) -> Reasons:
        """Return why a variant ran or did not, and what the next run would do with it."""
        record = VariantRecord.read(self._folder.variant(variant.name))
        why, other = self._why(variant, record)
        then = self._next.of(variant, record)
        about = (variant.name, variant.label, variant.state)
        return Reasons(*about, tuple(why), other, then.what, then.why)

    def _why(
        self, variant: VariantHistory, record: VariantRecord | None
    ) -> tuple[list[str], str | None]:
        if variant.source:
            ended = "been pruned" if variant.state is State.PRUNED else "finished"
            return [f"the same had {ended} before; taken from {variant.source}"], None
        if record is None:
            reason = variant.reason or "what it links to has not ended"
            return [f"it did not start: {reason}"], None
        why, other = self._why_it_ran(record)
        if variant.state is State.PRUNED:
            why.append(f"it ended early: {variant.note or 'its scheduler stopped it'}")
        return why, other

    def _why_it_ran(self, record: VariantRecord) -> tuple[list[str], str | None]:
        earlier = self._earlier.find(record)
        if earlier is None:
            return ["it ran since no earlier run has this stage"], None
        where = earlier.title
        now = self._folder.kept_template(Path(record.template), str(record.parts.get("code")))
        changes = changes_since(earlier.run, earlier.record, record.parts, now)
        changes += record.changed if earlier.record.key == record.key else ()
        if changes:
            same = "" if earlier.record.name == record.name else ", the nearest of this stage"
            return [f"it ran since, compared with {where}{same}:", *changes], where
        return [f"it ran though nothing changed since {where}: {earlier.why_not_cached}"], where


def why_no_variants(history: RunHistory) -> str:
    """Return why a stage has no variants: a stage that it follows left none."""
    empty = [
        stage
        for stage in history.stages
        if (variants := history.of_stage(stage)) and not any(v.state.is_success for v in variants)
    ]
    return f"no variant of {' or '.join(empty)} finished" if empty else "they are not known yet"
