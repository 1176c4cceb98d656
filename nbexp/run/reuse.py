"""What ran before and need not run again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from nbexp.observe.check import Check
from nbexp.observe.states import Files
from nbexp.pipeline import Pipeline, Template
from nbexp.plan import Graph, Identified, Result, pruned_key
from nbexp.run.announcer import Announcer
from nbexp.run.index import RunIndex
from nbexp.run.schedulers import altered
from nbexp.run.tracker import Tracker
from nbexp.run.writer import RunWriter
from nbexp.runs.events import EventKind
from nbexp.runs.outcome import Outcome, read_outcome
from nbexp.runs.record import VariantRecord
from nbexp.states import State

_MOST_CHANGES = 10
Lookup = Callable[[Collection[str]], Mapping[str, Sequence[Path]]]


@dataclass(frozen=True)
class PastResult:
    """A variant that finished before, or was pruned.

    Attributes:
        key: Its identity.
        folder: Where it lies.
        outcome: What it left; it is whole, and what it was seen to use is as it was.
    """

    key: str
    folder: Path
    outcome: Outcome


class PastResults:
    """Finds variants that finished before; for a run, and for a plan of one.

    Args:
        graph: The graph of the run.
        index: Knows the results beside the pipeline.

    Attributes:
        changed: By variant, what its newest result was seen to use that is no longer the same.
    """

    def __init__(self, graph: Graph, index: RunIndex) -> None:
        self.graph = graph
        self.changed: dict[str, tuple[str, ...]] = {}
        self._index = index
        self._files = Files()
        self._variables = environment_of(graph.pipeline)
        self._check = self._new_check()

    def find(
        self, identified: Iterable[Identified], elsewhere: Lookup | None = None
    ) -> dict[str, Sequence[Path]]:
        """Return the folders of what ran before, by identity, the newest first.

        Args:
            identified: The variants.
            elsewhere: Is asked by identity for those that the index doesn't know.
        """
        self._check = self._new_check()
        keys = [keys_of(self.graph, each) for each in identified]
        found: dict[str, Sequence[Path]] = dict(
            self._index.find([k for some in keys for k in some])
        )
        missing = [key for some in keys if found.keys().isdisjoint(some) for key in some]
        return found | dict(elsewhere(missing)) if elsewhere and missing else found

    def usable(
        self, identified: Identified, found: Mapping[str, Sequence[Path]]
    ) -> Iterator[PastResult]:
        """Yield what can be taken for a variant of what was found, the best first."""
        variant = identified.node.variant
        for key in keys_of(self.graph, identified):
            for folder in found.get(key, ()):
                outcome = read_outcome(folder, key)
                if outcome is None:
                    continue
                if changes := self._changes(variant.stage, outcome):
                    self.changed.setdefault(variant.name, changes)
                else:
                    self.changed.pop(variant.name, None)
                    yield PastResult(key, folder, outcome)

    def _changes(self, stage: str, outcome: Outcome) -> tuple[str, ...]:
        """Return what a result was seen to use that is no longer the same, in sentences."""
        if not self.graph.stages[stage].observe:
            return ()
        try:
            return tuple(islice(self._check.changes(outcome.observed), _MOST_CHANGES))
        except (LookupError, TypeError, ValueError, AttributeError):
            return ("the record of what it used is damaged",)

    def _new_check(self) -> Check:
        """Return what looks at each file once from now on."""
        return Check(self.graph.pipeline.folder, self._variables, self._files)


class Reuse:
    """Takes variants that finished before over into a run.

    Args:
        past: Finds them.
        folder: The run's folder.
        tracker: What remembers runs elsewhere.
        tell: Who is told.
        fresh: Whether to leave out what ran before.

    Attributes:
        is_blind: Whether looking up has failed.
    """

    def __init__(
        self,
        past: PastResults,
        folder: RunWriter,
        tracker: Tracker,
        tell: Announcer,
        *,
        fresh: bool,
    ) -> None:
        self._graph = past.graph
        self._past = past
        self._folder = folder
        self._tracker = tracker
        self._tell = tell
        self._fresh = fresh
        self.is_blind = False

    def find(self, identified: Iterable[Identified]) -> Mapping[str, Sequence[Path]]:
        """Return the folders of what ran before, by identity."""
        return {} if self._fresh else self._past.find(identified, self._elsewhere)

    def use(self, identified: Identified, found: Mapping[str, Sequence[Path]]) -> bool:
        """End a variant with what an earlier run left, if that is among what was found."""
        for past in self._past.usable(identified, found):
            folder = self._folder.adopt(identified.node.variant.name, past.folder, past.key)
            if folder and (outcome := read_outcome(folder, past.key)):
                self._end(identified, past.folder, outcome)
                return True
        return False

    def changed(self, identified: Identified) -> tuple[str, ...]:
        """Return what the newest result of a variant used that is no longer the same."""
        return self._past.changed.get(identified.node.variant.name, ())

    def _elsewhere(self, keys: Collection[str]) -> Mapping[str, Sequence[Path]]:
        try:
            return self._tracker.find(keys)
        except Exception as error:  # what tracks a run can't break it
            if not self.is_blind:
                message = f"what ran elsewhere can't be looked up, so it may run again: {error}"
                self._tell.emit(EventKind.WARNING, message=message)
            self.is_blind = True
            return {}

    def _end(self, identified: Identified, source: Path, outcome: Outcome) -> None:
        node = identified.node
        folder = self._folder.variant(node.variant.name)
        original, template = VariantRecord.read(source), node.variant.option.template
        if original is None or original.texts != template.texts:
            _retext(folder.notebook, template, self._folder.template(template))
        tracking_id = original.tracking_id if original else None
        params = original.params if original else identified.resolved.params
        record = replace(
            record_of(identified), source=str(source), tracking_id=tracking_id, params=params
        )
        record.write(folder)
        result = Result(node.variant, altered(identified.resolved, folder), outcome, folder.path)
        state = State.PRUNED if outcome.state is State.PRUNED else State.CACHED
        self._tell.ended(node, state, outcome=outcome, source=str(source))
        self._graph.end(node.variant.name, state, result)


def _retext(notebook: Path, template: Template, source: Path) -> None:
    """Give an adopted notebook the text cells of the template that was asked for."""
    from nbexp.execute.texts import take_texts

    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # then it keeps its own
        take_texts(notebook, template.path, source)


def keys_of(graph: Graph, identified: Identified) -> tuple[str, ...]:
    """Return the identities with which a variant may have run: in full, or stopped early."""
    early = pruned_key(identified.key, graph.stages[identified.node.variant.stage])
    return (identified.key, early) if early else (identified.key,)


def environment_of(pipeline: Pipeline) -> dict[str, str]:
    """Return the variables that the kernels of a pipeline have, but for those of one variant."""
    return {**os.environ, **pipeline.environment.variables}


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
        texts=variant.option.template.texts,
    )
