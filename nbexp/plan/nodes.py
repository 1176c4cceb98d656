"""What the graph keeps account of: variants, searches and stages."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbexp.pipeline import Gather, Stage
from nbexp.plan.options import GridPoint, Option, expand_options, expand_points
from nbexp.plan.resolve import Result
from nbexp.plan.variants import LineageIndex, Variant
from nbexp.states import State


@dataclass
class Node:
    """A variant's place in the graph.

    Attributes:
        variant: The variant.
        state: Its state.
        result: What it left, once it succeeded.
        reason: Why it was skipped, if it was.
        waits: How many variants and stages must end before it is ready.
        search: The search that it stands for, if it is no variant itself.
        number: Number of the suggestion that it came from, if it did.
        origin: Name of the search that suggested it.
    """

    variant: Variant
    state: State = State.PENDING
    result: Result | None = None
    reason: str = ""
    waits: int = 0
    search: OpenSearch | None = None
    number: int | None = None
    origin: str = ""


@dataclass(eq=False)
class OpenSearch:
    """A search: for one grid point of a stage, and one combination of variants upstream.

    Attributes:
        name: What it is, such as ``train-5c0ffee1``; the same in every run.
        point: What is chosen, and what is left open.
        node: Its place in the graph.
        samples: How many suggestions are to be made.
        suggested: The variants suggested so far.
    """

    name: str
    point: GridPoint
    node: Node
    samples: int
    suggested: list[Node] = field(default_factory=list)

    @property
    def may_go_on(self) -> bool:
        """Whether it can make more suggestions: not if it gave up, or lacks what it links to."""
        return not self.node.state.is_final or (
            self.node.state.is_success and len(self.suggested) == self.samples
        )


@dataclass(frozen=True)
class Addition:
    """What comes of variants that are added to a stage.

    Attributes:
        count: How many there are to come, as far as is known.
        awaited: The stages upstream that have to go on before all are known.
    """

    count: int
    awaited: tuple[str, ...] = ()


@dataclass
class StageState:
    """What the graph knows of a stage.

    Attributes:
        options: Its own options.
        points: The grid points that leave something to a search.
        samples: How many suggestions there are for each grid point.
        drawn: How many draws there have been for each grid point; the next has this number.
        nodes: Its variants.
        searches: Its searches, by name.
        is_expanded: Whether its variants are known, but for those that will be suggested.
        open: How many variants and searches have not ended.
        waiting: The variants elsewhere that wait for its end.
        kept: What reduce kept, once it has ended.
        indexes: Finds what later stages gather.
    """

    options: list[Option]
    points: list[GridPoint]
    samples: int
    drawn: int
    nodes: list[Node] = field(default_factory=list)
    searches: dict[str, OpenSearch] = field(default_factory=dict)
    is_expanded: bool = False
    open: int = 0
    waiting: list[Node] = field(default_factory=list)
    kept: list[Node] | None = None
    indexes: dict[Gather, LineageIndex] = field(default_factory=dict)


def open_stage(stage: Stage, seed: int) -> StageState:
    """Return what is known of a stage before anything runs."""
    points = list(expand_points(stage, seed)) if stage.search.is_adaptive else []
    open_points = [point for point in points if point.space]
    samples = stage.search.samples
    return StageState(expand_options(stage, seed), open_points, samples, drawn=samples)
