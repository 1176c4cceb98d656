"""The plan of a run: which variants there are, which are cached, how long the rest may take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from nbexp.errors import LinkError
from nbexp.pipeline import Pipeline
from nbexp.plan.durations import NO_TIME, Seconds, Took, expected
from nbexp.plan.graph import Graph
from nbexp.plan.keys import identity, key_of
from nbexp.plan.nodes import Node, OpenSearch
from nbexp.plan.options import Option, expand_points
from nbexp.plan.resolve import Resolved, Result
from nbexp.states import State


@dataclass(frozen=True)
class Identified:
    """A ready variant with its parameters and identity.

    Attributes:
        node: Its place in the graph.
        resolved: Its parameters with every link followed.
        parts: What its identity is made of.
        key: Its identity.
    """

    node: Node
    resolved: Resolved
    parts: Mapping[str, Any]
    key: str


def identify(graph: Graph, node: Node) -> Identified:
    """Return a ready variant with its parameters and identity.

    Raises:
        LinkError: A stage did not leave what a link asks for.
    """
    resolved = graph.resolve(node.variant)
    parts = identity(graph.pipeline, node.variant, resolved.content, graph.content_of)
    return Identified(node, resolved, parts, key_of(parts))


def refresh(identified: Identified) -> Identified:
    """Return a variant with its identity as the local modules are now, if they have changed."""
    modules = identified.node.variant.option.template.current_modules()
    if modules == identified.parts["modules"]:
        return identified
    parts = {**identified.parts, "modules": modules}
    return replace(identified, parts=parts, key=key_of(parts))


@dataclass(frozen=True)
class PlannedVariant:
    """A variant as planned.

    Attributes:
        name: Name of the variant.
        stage: Name of its stage.
        label: The parameters that tell it from its siblings.
        key: Its identity; None where that depends on variants that have yet to run.
        state: `State.CACHED` or `State.PENDING`.
        parts: What the identity is made of, where that is known.
        changed: What an earlier execution of this identity was seen to use, and is not the same any
            more, one sentence each.
        inputs: How many inputs a cached variant was seen to use, all of them the same.
    """

    name: str
    stage: str
    label: str
    key: str | None
    state: State
    parts: Mapping[str, Any] | None = None
    changed: tuple[str, ...] = ()
    inputs: int = 0


@dataclass(frozen=True)
class PlannedStage:
    """A stage as planned.

    Attributes:
        name: Name of the stage.
        variants: Its variants, as far as they are known.
        is_open: Whether its variants depend on a reduce that has yet to happen.
        to_suggest: How many variants its searches have yet to suggest.
        work: Estimated seconds of execution; None where no earlier run with the same code and like
            parameters tells.
        warning: What earlier runs warn of; an empty text for nothing.
    """

    name: str
    variants: tuple[PlannedVariant, ...]
    is_open: bool
    work: Seconds | None
    to_suggest: int = 0
    warning: str = ""

    @property
    def counts(self) -> Counter[State]:
        """Number of variants in each state."""
        return Counter(variant.state for variant in self.variants)


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        pipeline: The pipeline.
        stages: Its stages, in order.
    """

    pipeline: Pipeline
    stages: tuple[PlannedStage, ...]

    @property
    def variants(self) -> tuple[PlannedVariant, ...]:
        """All variants that are known."""
        return tuple(variant for stage in self.stages for variant in stage.variants)

    def with_observed(
        self, inputs: Mapping[str, int], changed: Mapping[str, Sequence[str]]
    ) -> Plan:
        """Return the plan with what is known of what results were seen to use, by variant."""

        def told(variant: PlannedVariant) -> PlannedVariant:
            changes = tuple(changed.get(variant.name, ()))
            return replace(variant, inputs=inputs.get(variant.name, 0), changed=changes)

        stages = (replace(s, variants=tuple(map(told, s.variants))) for s in self.stages)
        return replace(self, stages=tuple(stages))

    def to_record(self) -> dict[str, Any]:
        """Return the plan as a table for JSON."""
        return {
            "pipeline": self.pipeline.name,
            "stages": [
                {
                    "name": stage.name,
                    "is_open": stage.is_open,
                    "to_suggest": stage.to_suggest,
                    "work_s": stage.work.mean if stage.work else None,
                    "warning": stage.warning,
                    "variants": [
                        {
                            "name": v.name,
                            "label": v.label,
                            "key": v.key,
                            "state": v.state.value,
                            "changed": list(v.changed),
                        }
                        for v in stage.variants
                    ],
                }
                for stage in self.stages
            ],
        }


def make_plan(
    graph: Graph,
    lookup: Callable[[Sequence[Identified]], Mapping[str, Result]],
    took: Callable[[str], Sequence[Took]],
    recorded: Callable[[OpenSearch], Sequence[Mapping[str, Any]]] = lambda _: (),
    changed: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Plan:
    """Return what a run of a fresh graph would do; nothing is run or written.

    Args:
        graph: The graph; what is cached ends in it.
        lookup: Gives the results of those variants that ran before, by name.
        took: Gives how long the last variants of a stage took.
        recorded: Gives what a search suggested in an earlier run, in order.
        changed: By variant, what its newest result used that is no longer the same, once `lookup`
            has been asked.
    """
    known: dict[str, Identified] = {}
    inputs: dict[str, int] = {}
    to_suggest: Counter[str] = Counter()
    while ready := _ready(graph, recorded, to_suggest):
        identified = [each for each in (_try_identify(graph, node) for node in ready) if each]
        known |= {each.node.variant.name: each for each in identified}
        for name, result in lookup(identified).items():
            graph.end(name, State.CACHED, result)
            inputs[name] = _count_inputs(result)
    stages = (_stage(graph, s, known, took, to_suggest[s]) for s in graph.stages)
    plan = Plan(graph.pipeline, tuple(stages))
    return plan.with_observed(inputs, changed)


def _count_inputs(result: Result) -> int:
    """Count what a result was seen to use."""
    observed = result.outcome.observed
    return len(observed.get("inputs", ())) + len(observed.get("variables", ()))


def _ready(
    graph: Graph,
    recorded: Callable[[OpenSearch], Sequence[Mapping[str, Any]]],
    to_suggest: Counter[str],
) -> list[Node]:
    """Return what is ready, with what searches suggested before."""
    for search in graph.take_searches():
        for values in recorded(search)[: search.samples]:
            graph.suggest(search, values)
        if len(search.suggested) == search.samples:
            graph.close_search(search)
        to_suggest[search.node.variant.stage] += search.samples - len(search.suggested)
    return graph.take_ready()


def _try_identify(graph: Graph, node: Node) -> Identified | None:
    try:
        return identify(graph, node)
    except LinkError:
        return None  # shown as pending: the run tells why


def _stage(
    graph: Graph,
    name: str,
    known: Mapping[str, Identified],
    took: Callable[[str], Sequence[Took]],
    to_suggest: int,
) -> PlannedStage:
    variants = tuple(_planned(node, known) for node in graph.nodes_of(name))
    is_open = not graph.is_expanded(name)
    options = _to_run(graph, name)
    work: Seconds | None = NO_TIME
    if count := len(options) + to_suggest:
        points = expand_points(graph.stages[name], graph.pipeline.seed) if to_suggest else ()
        each = expected(took(name), [*options, *(point.option for point in points)])
        work = each and each * count
    return PlannedStage(name, variants, is_open, work, to_suggest)


def _to_run(graph: Graph, name: str) -> list[Option]:
    """Return the options of the variants that have to run; of a stage that is open, each once."""
    if not graph.is_expanded(name):
        return graph.options_of(name)
    nodes = graph.nodes_of(name)
    return [node.variant.option for node in nodes if node.state is State.PENDING]


def _planned(node: Node, known: Mapping[str, Identified]) -> PlannedVariant:
    variant, identified = node.variant, known.get(node.variant.name)
    return PlannedVariant(
        name=variant.name,
        stage=variant.stage,
        label=variant.label,
        key=identified.key if identified else None,
        state=node.state,
        parts=identified.parts if identified else None,
    )
