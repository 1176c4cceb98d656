"""The graph of a run: which variants exist, what each waits for, and what a result sets free.

Pure bookkeeping: it runs nothing and reads nothing. A run feeds it results as they come, and a
plan feeds it what is cached; both ask it what is ready. Stages after a reduce get their
variants once the stage has ended, since only then it is known which ones go on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from nbexp.files import file_digest
from nbexp.pipeline import Gather, Link, Pipeline, Stage
from nbexp.plan.options import Option, expand_options
from nbexp.plan.reduce import best, metric_value
from nbexp.plan.resolve import Resolved, Result, resolve
from nbexp.plan.variants import LineageIndex, Variant, expand_variants
from nbexp.states import State

T = TypeVar("T")


@dataclass
class Node:
    """A variant's place in the graph.

    Attributes:
        variant: The variant.
        state: Its state.
        result: What it left, once it succeeded.
        reason: Why it was skipped, if it was.
        waits: How many variants and stages must end before it is ready.
    """

    variant: Variant
    state: State = State.PENDING
    result: Result | None = None
    reason: str = ""
    waits: int = 0


@dataclass
class _StageState:
    options: list[Option]
    nodes: list[Node] = field(default_factory=list)
    is_expanded: bool = False
    open: int = 0
    waiting: list[Node] = field(default_factory=list)
    kept: list[Node] | None = None
    indexes: dict[Gather, LineageIndex] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        return self.is_expanded and self.open == 0


class Graph:
    """The variants of a pipeline and what they wait for.

    Args:
        pipeline: The pipeline.
        only: Stages to take part; None for all.

    Attributes:
        content_of: Content hash of an input file or folder, read once for all variants.
    """

    def __init__(self, pipeline: Pipeline, only: Iterable[str] | None = None) -> None:
        self.pipeline = pipeline
        names = set(pipeline.stages if only is None else only)
        self.stages = {n: stage for n, stage in pipeline.stages.items() if n in names}
        self.nodes: dict[str, Node] = {}
        self.content_of = lru_cache(maxsize=None)(file_digest)
        self._ready: deque[Node] = deque()
        self._added: deque[Node] = deque()
        self._skipped: deque[Node] = deque()
        self._ended: deque[str] = deque()
        self._children: dict[str, list[Node]] = defaultdict(list)
        self._states = {
            name: _StageState(expand_options(stage, pipeline.seed))
            for name, stage in self.stages.items()
        }
        self._expand()

    def take_added(self) -> list[Node]:
        """Return the variants that have come into being since the last call."""
        return _drain(self._added)

    def take_ready(self) -> list[Node]:
        """Return the variants that have become ready since the last call, in order."""
        return [node for node in _drain(self._ready) if node.state is State.PENDING]

    def take_skipped(self) -> list[Node]:
        """Return the variants that have been skipped since the last call."""
        return _drain(self._skipped)

    def take_ended(self) -> list[str]:
        """Return the stages that have ended since the last call."""
        return _drain(self._ended)

    @property
    def has_ended(self) -> bool:
        """Whether every variant has ended."""
        return all(state.has_ended for state in self._states.values())

    def nodes_of(self, stage: str) -> list[Node]:
        """Return the variants of a stage, in order."""
        return self._states[stage].nodes

    def is_expanded(self, stage: str) -> bool:
        """Whether the variants of a stage are known."""
        return self._states[stage].is_expanded

    def kept(self, stage: str) -> list[Node]:
        """Return the variants that reduce kept, best first; all that succeeded without reduce."""
        return self._states[stage].kept or []

    def options_of(self, stage: str) -> list[Option]:
        """Return the stage's own options."""
        return self._states[stage].options

    def resolve(self, variant: Variant) -> Resolved:
        """Return a ready variant's parameters with every link followed.

        Raises:
            LinkError: A stage did not leave what a link asks for.
        """
        return resolve(
            variant.option.params,
            one=lambda link: self._result(variant.upstream[link.stage]),
            many=lambda link: [self._result(v.name) for v in self._gathered(variant, link)],
        )

    def end(self, name: str, state: State, result: Result | None = None) -> None:
        """Note that a variant has ended, and skip what can't run without it."""
        node = self.nodes[name]
        node.result = result
        self._end(node, state)
        self._expand()

    def abandon(self) -> list[Node]:
        """Note that nothing more will run; return the variants that were still pending."""
        pending = [node for node in self.nodes.values() if node.state is State.PENDING]
        for node in pending:
            node.state = State.STOPPED
        self._ready.clear()
        return pending

    def _result(self, name: str) -> Result:
        result = self.nodes[name].result
        if result is None:  # pragma: no cover - a ready variant's ancestors have results
            raise KeyError(name)
        return result

    def _gathered(self, variant: Variant, link: Link) -> list[Variant]:
        """Return the variants of a stage that has ended, as far as a variant may gather them."""
        indexes, gather = self._states[link.stage].indexes, link.gather or Gather.ALL
        if gather not in indexes:
            nodes = self.kept(link.stage) if gather is Gather.KEPT else self._done(link.stage)
            indexes[gather] = LineageIndex(node.variant for node in nodes)
        # One that links to a variant of that very stage as well still gathers its siblings.
        lineage = {name: v for name, v in variant.lineage.items() if name != link.stage}
        return indexes[gather].agreeing(lineage)

    def _done(self, stage: str) -> list[Node]:
        return [node for node in self._states[stage].nodes if node.state.is_success]

    def _end(self, node: Node, state: State, reason: str = "") -> None:
        node.state, node.reason = state, reason
        stage = self._states[node.variant.stage]
        stage.open -= 1
        if state is State.SKIPPED:
            self._skipped.append(node)
        for child in self._children[node.variant.name]:
            if state.is_success:
                self._release(child)
            elif child.state is State.PENDING:
                self._end(child, State.SKIPPED, f"{node.variant.name} {_ended(state)}")
        if stage.has_ended:
            self._stage_ended(node.variant.stage)

    def _stage_ended(self, name: str) -> None:
        state, stage = self._states[name], self.stages[name]
        if state.kept is not None:
            return
        state.kept = _kept(stage, self._done(name))
        self._ended.append(name)
        for node in state.waiting:
            self._release(node)

    def _release(self, node: Node) -> None:
        node.waits -= 1
        if node.waits or node.state is not State.PENDING:
            return
        missing = self._missing(node)
        if missing:
            self._end(node, State.SKIPPED, missing)
        else:
            self._ready.append(node)

    def _missing(self, node: Node) -> str:
        stage = self.stages[node.variant.stage]
        for link in node.variant.option.links:
            if link.gather is not None and not self._gathered(node.variant, link):
                return f"no variant of {link.stage} finished"
        for name in stage.after:
            if not any(other.state.is_success for other in self._states[name].nodes):
                return f"no variant of {name} finished"
        return ""

    def _expand(self) -> None:
        for name, stage in self.stages.items():
            if not self._states[name].is_expanded and self._may_expand(stage):
                self._expand_stage(name)

    def _may_expand(self, stage: Stage) -> bool:
        upstream = {link.stage for link in stage.links if link.gather is None}
        return all(
            self._states[name].is_expanded
            and (self.stages[name].keep is None or self._states[name].has_ended)
            for name in upstream
        )

    def _expand_stage(self, name: str) -> None:
        state = self._states[name]
        upstream = {link.stage: self._candidates(link.stage) for link in self.stages[name].links}
        variants = expand_variants(name, state.options, upstream)
        state.nodes = [Node(variant) for variant in variants]
        state.open = len(state.nodes)
        state.is_expanded = True
        for node in state.nodes:
            self.nodes[node.variant.name] = node
            self._added.append(node)
        for node in state.nodes:
            self._wire(node)
        if state.has_ended:
            self._stage_ended(name)

    def _candidates(self, stage: str) -> list[Variant]:
        if self.stages[stage].keep is not None:
            return [node.variant for node in self.kept(stage)]
        return [node.variant for node in self._states[stage].nodes]

    def _wire(self, node: Node) -> None:
        stages = {link.stage for link in node.variant.option.links if link.gather is not None}
        stages |= set(self.stages[node.variant.stage].after)
        node.waits = 1  # its own wiring
        for name in stages:
            if not self._states[name].has_ended:
                node.waits += 1
                self._states[name].waiting.append(node)
        for parent in map(self.nodes.__getitem__, node.variant.upstream.values()):
            if not parent.state.is_final:
                node.waits += 1
                self._children[parent.variant.name].append(node)
            elif not parent.state.is_success:
                self._end(node, State.SKIPPED, f"{parent.variant.name} {_ended(parent.state)}")
                return
        self._release(node)


def _drain(queue: deque[T]) -> list[T]:
    found = list(queue)
    queue.clear()
    return found


def _kept(stage: Stage, done: list[Node]) -> list[Node]:
    if stage.keep is None:
        return done
    metrics = [
        metric_value(n.result.outcome.scraps if n.result else {}, stage.metric) for n in done
    ]
    return best(list(zip(done, metrics, strict=True)), stage.mode, stage.keep)


def _ended(state: State) -> str:
    return {State.TIMED_OUT: "timed out", State.SKIPPED: "was skipped"}.get(
        state, f"was {state}" if state is State.STOPPED else str(state)
    )


def stages_needed(pipeline: Pipeline, only: Iterable[str]) -> set[str]:
    """Return the stages that some stages need, themselves included."""
    return {name for stage in only for name in pipeline.ancestors(stage)}
