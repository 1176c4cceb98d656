"""The graph of a run: which variants exist, what each waits for, and what a result sets free.

Pure bookkeeping: it runs nothing and reads nothing. A run feeds it results as they come, and a
plan feeds it what is cached; both ask it what is ready. Stages after a reduce get their
variants once the stage has ended, since only then it is known which ones go on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from nbexp.files import file_digest
from nbexp.pipeline import Gather, Link, Pipeline, Stage
from nbexp.plan.nodes import Addition, Node, OpenSearch, open_stage
from nbexp.plan.options import Option, draws, expand_points
from nbexp.plan.reduce import best, count_kept, metric_value
from nbexp.plan.resolve import Resolved, Result, resolve
from nbexp.plan.variants import LineageIndex, Variant, expand_variants, make_variant
from nbexp.states import State

T = TypeVar("T")


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
        self._variants: dict[str, Variant] = {}
        self.content_of = lru_cache(maxsize=None)(file_digest)
        self._ready: deque[Node] = deque()
        self._added: deque[Node] = deque()
        self._skipped: deque[Node] = deque()
        self._ended: deque[str] = deque()
        self._searches: deque[OpenSearch] = deque()
        self._children: dict[str, list[Node]] = defaultdict(list)
        # The stages whose variants each stage's own follow one by one, as they come.
        self._growing = {
            name: {link.stage for link in stage.links if link.gather is None}
            - {other for other in self.stages if self.stages[other].keep is not None}
            for name, stage in self.stages.items()
        }
        self._states = {
            name: open_stage(stage, pipeline.seed) for name, stage in self.stages.items()
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

    def take_searches(self) -> list[OpenSearch]:
        """Return the searches that can begin since the last call."""
        return _drain(self._searches)

    @property
    def has_ended(self) -> bool:
        """Whether every variant has ended."""
        return all(self.stage_has_ended(name) for name in self.stages)

    def stage_has_ended(self, name: str) -> bool:
        """Whether every variant of a stage has ended, and no more will come."""
        state = self._states[name]
        if not state.is_expanded or state.open:
            return False
        return all(self.stage_has_ended(u) for u in self._growing[name])

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

    def suggest(self, search: OpenSearch, values: Mapping[str, Any]) -> Node:
        """Add a variant that a search suggests; return its node, new or not.

        Args:
            search: A search that has begun.
            values: What it chose, by key.
        """
        name, number = search.node.variant.stage, len(search.suggested)
        option = search.point.fill(values, number)
        upstream = [self.nodes[each].variant for each in search.node.variant.upstream.values()]
        variant = make_variant(name, option, upstream, self._variants)
        self._admit(name, [variant])
        node = self.nodes[variant.name]
        if node.number is None:
            node.number, node.origin = number, search.name
        search.suggested.append(node)
        return node

    def close_search(self, search: OpenSearch) -> None:
        """Note that a search makes no more suggestions."""
        self._states[search.node.variant.stage].open -= 1
        search.node.state = State.FINISHED
        self._expand()

    def add(self, stage: str, over: Mapping[str, Any], samples: int | None) -> Addition:
        """Add variants to a stage that has not ended; return what comes of it.

        Args:
            stage: Name of the stage.
            over: Values for parameters, in the place of the stage's own.
            samples: How many draws or suggestions more there are to be for each grid point; by
                default none, or one where values are given.
        """
        state, count = self._states[stage], samples or 0
        if self.stages[stage].search.is_adaptive and not over:
            return self._add_suggestions(stage, count)
        points = expand_points(self.stages[stage], self.pipeline.seed, over)
        numbers = range(state.drawn, state.drawn + count) or range(1)
        options = [option for point in points for option in draws(point, numbers)]
        there = {option.key for option in state.options}
        options = [option for option in options if option.key not in there]
        state.drawn += count
        state.options += options
        before = len(state.nodes)
        if state.is_expanded:
            self._grow(stage, options)
            self._expand()
        return Addition(len(state.nodes) - before, self._awaited(stage) if options else ())

    def _add_suggestions(self, stage: str, count: int) -> Addition:
        """Have the searches of a stage go on, but for those that gave up or can't begin."""
        state = self._states[stage]
        if not (count and state.points):
            return Addition(0)
        found = [search for search in state.searches.values() if search.may_go_on]
        state.samples += count
        for search in found:
            search.samples += count
            if search.node.state.is_final:
                search.node.state = State.PENDING
                state.open += 1
        return Addition(count * len(found), self._awaited(stage))

    def _awaited(self, name: str) -> tuple[str, ...]:
        """Return the stages upstream that may yet bring a stage more variants."""
        linked = dict.fromkeys(link.stage for link in self.stages[name].links if not link.gather)
        return tuple(
            each
            for each in linked
            if not self.stage_has_ended(each)
            and (self.stages[each].keep is not None or self._may_grow(each))
        )

    def _may_grow(self, name: str) -> bool:
        state = self._states[name]
        is_searching = any(not each.node.state.is_final for each in state.searches.values())
        return not state.is_expanded or is_searching or bool(self._awaited(name))

    def abandon(self) -> list[Node]:
        """Note that nothing more will run; return the variants that were still pending."""
        waiting = (State.PENDING, State.PAUSED)
        pending = [node for node in self.nodes.values() if node.state in waiting]
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
        if state is State.SKIPPED and node.search is None:
            self._skipped.append(node)
        for child in self._children[node.variant.name]:
            if state.is_success:
                self._release(child)
            elif child.state is State.PENDING:
                self._end(child, State.SKIPPED, f"{node.variant.name} {_ended(state)}")

    def _stage_ended(self, name: str) -> None:
        state, stage = self._states[name], self.stages[name]
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
        elif node.search is not None:
            self._searches.append(node.search)
        else:
            self._ready.append(node)

    def _missing(self, node: Node) -> str:
        stage = self.stages[node.variant.stage]
        for link in node.variant.option.links:
            if link.gather is not None and not self._gathered(node.variant, link):
                return f"no variant of {link.stage} finished"
        for name in stage.after:
            if not self.kept(name):  # it has ended
                return f"no variant of {name} finished"
        return ""

    def _expand(self) -> None:
        """Expand the stages whose time has come, and note those that have ended."""
        goes_on = True
        while goes_on:
            goes_on = False
            for name, stage in self.stages.items():
                state = self._states[name]
                if not state.is_expanded and self._may_expand(stage):
                    state.is_expanded = goes_on = True
                    self._grow(name, state.options)
                if state.kept is None and self.stage_has_ended(name):
                    goes_on = True
                    self._stage_ended(name)

    def _may_expand(self, stage: Stage) -> bool:
        upstream = {link.stage for link in stage.links if link.gather is None}
        return all(
            self._states[name].is_expanded
            and (self.stages[name].keep is None or self.stage_has_ended(name))
            for name in upstream
        )

    def _grow(
        self, name: str, options: list[Option], new: Mapping[str, list[Variant]] | None = None
    ) -> None:
        """Add the variants that options give, and the searches, as far as they are new.

        Args:
            name: Name of the stage.
            options: Its own options.
            new: The variants that a stage upstream has got, where all that is sought is what
                comes of those: it costs no more, the more variants there are already.
        """
        state, new = self._states[name], new or {}
        linked = {link.stage for link in self.stages[name].links if link.gather is None}
        upstream = {each: new.get(each) or self._candidates(each) for each in linked}
        self._admit(name, expand_variants(name, options, upstream, self._variants))
        for point in state.points:
            for variant in expand_variants(name, [point.option], upstream):
                if variant.name not in state.searches:
                    node = Node(variant)
                    node.search = OpenSearch(variant.name, point, node, state.samples)
                    state.searches[variant.name] = node.search
                    state.open += 1
                    self._wire(node)

    def _admit(self, name: str, variants: list[Variant]) -> None:
        """Add those variants that are not there yet, and what comes of them downstream."""
        state = self._states[name]
        new = [variant for variant in variants if variant.name not in self.nodes]
        nodes = [Node(variant) for variant in new]
        state.nodes += nodes
        state.open += len(nodes)
        for node in nodes:
            self.nodes[node.variant.name] = node
            self._variants[node.variant.name] = node.variant
            self._added.append(node)
        for node in nodes:
            self._wire(node)
        for other in self.stages if nodes else ():
            if name in self._growing[other] and self._states[other].is_expanded:
                self._grow(other, self._states[other].options, {name: new})

    def _candidates(self, stage: str) -> list[Variant]:
        if self.stages[stage].keep is not None:
            return [node.variant for node in self.kept(stage)]
        return [node.variant for node in self._states[stage].nodes]

    def _wire(self, node: Node) -> None:
        stages = {link.stage for link in node.variant.option.links if link.gather is not None}
        stages |= set(self.stages[node.variant.stage].after)
        node.waits = 1  # its own wiring
        for name in stages:
            if self._states[name].kept is None:
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
    scores = [(node, score_of(stage, node)) for node in done]
    return best(scores, stage.mode, count_kept(stage.keep, len(done)))


def score_of(stage: Stage, node: Node) -> float | None:
    """Return the value by which a variant is compared, or None where there is none."""
    outcome = node.result.outcome if node.result else None
    return metric_value(outcome, stage.metric, stage.mode, stage.score)


def _ended(state: State) -> str:
    return {State.TIMED_OUT: "timed out", State.SKIPPED: "was skipped"}.get(
        state, f"was {state}" if state is State.STOPPED else str(state)
    )


def stages_needed(pipeline: Pipeline, only: Iterable[str]) -> set[str]:
    """Return the stages that some stages need, themselves included."""
    return {name for stage in only for name in pipeline.ancestors(stage)}
