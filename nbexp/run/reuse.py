"""What ran before and need not run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from nbexp.execute.job import Outcome
from nbexp.files import write_json
from nbexp.plan import Graph, Identified, Result, pruned_key
from nbexp.run.announcer import Announcer
from nbexp.run.events import EventKind
from nbexp.run.folder import RunFolder, read_outcome
from nbexp.run.steering import altered
from nbexp.run.tracker import Tracker, VariantRecord
from nbexp.states import State


class Reuse:
    """Finds variants that finished before, and takes them over into a run.

    Args:
        graph: The graph of the run.
        folder: Its folder.
        tracker: What remembers runs.
        tell: Who is told.
        fresh: Whether to leave out what ran before.

    Attributes:
        is_blind: Whether looking up has failed.
    """

    def __init__(
        self, graph: Graph, folder: RunFolder, tracker: Tracker, tell: Announcer, *, fresh: bool
    ) -> None:
        self._graph = graph
        self._folder = folder
        self._tracker = tracker
        self._tell = tell
        self._fresh = fresh
        self.is_blind = False

    def find(self, identified: Iterable[Identified]) -> Mapping[str, Path]:
        """Return the folders of what ran before, by identity."""
        keys = (
            []
            if self._fresh
            else [key for each in identified for key in keys_of(self._graph, each)]
        )
        try:
            return self._tracker.find(keys) if keys else {}
        except Exception as error:  # what tracks a run can't break it
            if not self.is_blind:
                message = f"what ran before can't be looked up, so it may run again: {error}"
                self._tell.emit(EventKind.WARNING, message=message)
            self.is_blind = True
            return {}

    def use(self, identified: Identified, found: Mapping[str, Path]) -> bool:
        """End a variant with what an earlier run left, if that is among what was found."""
        for key in keys_of(self._graph, identified):
            if key in found and (outcome := self._adopt(identified, found[key], key)):
                self._end(identified, found[key], outcome)
                return True
        return False

    def _adopt(self, identified: Identified, source: Path, key: str) -> Outcome | None:
        folder = self._folder.adopt(identified.node.variant.name, source, key)
        return read_outcome(folder, key) if folder else None

    def _end(self, identified: Identified, source: Path, outcome: Outcome) -> None:
        node = identified.node
        folder = self._folder.variant(node.variant.name)
        original = VariantRecord.read(source)
        tracking_id = original.tracking_id if original else None
        params = original.params if original else identified.resolved.params
        record = replace(
            record_of(identified), source=str(source), tracking_id=tracking_id, params=params
        )
        write_json(folder / "variant.json", vars(record))
        result = Result(node.variant, altered(identified.resolved, folder), outcome, folder)
        state = State.PRUNED if outcome.state is State.PRUNED else State.CACHED
        self._tell.ended(node, state, outcome=outcome, source=str(source))
        self._graph.end(node.variant.name, state, result)


def keys_of(graph: Graph, identified: Identified) -> tuple[str, ...]:
    """Return the identities with which a variant may have run: in full, or stopped early."""
    early = pruned_key(identified.key, graph.stages[identified.node.variant.stage])
    return (identified.key, early) if early else (identified.key,)


def record_of(identified: Identified) -> VariantRecord:
    """Return what is written of a variant before it runs."""
    variant = identified.node.variant
    return VariantRecord(
        name=variant.name,
        stage=variant.stage,
        label=variant.label,
        params=identified.resolved.params,
        lineage=variant.lineage,
        key=identified.key,
        parts=identified.parts,
        template=str(variant.option.template.path),
    )
