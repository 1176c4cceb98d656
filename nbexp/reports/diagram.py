"""The pipeline as a drawing: stages from left to right, each after what it takes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nbexp.runs.results import StageResult
from nbexp.states import State
from nbexp.wording import counted, duration_text

_WIDTH, _HEIGHT = 190, 66
_GAP_X, _GAP_Y = 56, 22
_MARGIN = 6
_LANE = 12
_STATES = 2  # that a stage's box has room for
_GRAVEST_FIRST = (
    State.RUNNING, State.FAILED, State.TIMED_OUT, State.STOPPED, State.PAUSED, State.PENDING,
    State.SKIPPED, State.FINISHED, State.CACHED, State.PRUNED,
)  # fmt: skip


@dataclass(frozen=True)
class StageNode:
    """A stage's place in the drawing.

    Attributes:
        name: Name of the stage.
        state: What colours it: the worst state of its variants.
        counts: Its variants in words.
        detail: How long they took, or their best value, in words.
        x: Left edge, in pixels.
        y: Upper edge, in pixels.
    """

    name: str
    state: State
    counts: str
    detail: str
    x: int
    y: int

    width = _WIDTH
    height = _HEIGHT


@dataclass(frozen=True)
class Diagram:
    """The drawing.

    Attributes:
        width: In pixels.
        height: In pixels.
        nodes: The stages.
        edges: Paths (of SVG) from a stage to those that take from it.
    """

    width: int
    height: int
    nodes: tuple[StageNode, ...]
    edges: tuple[str, ...]


def draw(stages: Sequence[StageResult]) -> Diagram:
    """Return the drawing of a run's stages."""
    depths = _depths(stages)
    rows: Counter[int] = Counter()
    nodes: dict[str, StageNode] = {}
    tallest = max(Counter(depths.values()).values(), default=1)
    links = [(o, s.name) for s in stages for o in s.sources if o in depths]
    lanes = [link for link in links if depths[link[1]] - depths[link[0]] > 1]
    above = _MARGIN + len(lanes) * _LANE
    for stage in stages:
        depth = depths[stage.name]
        in_layer = sum(each == depth for each in depths.values())
        top = above + (tallest - in_layer) * (_HEIGHT + _GAP_Y) // 2
        x = _MARGIN + depth * (_WIDTH + _GAP_X)
        y = top + rows[depth] * (_HEIGHT + _GAP_Y)
        nodes[stage.name] = StageNode(
            stage.name, _state(stage), _counts(stage), _detail(stage), x, y
        )
        rows[depth] += 1
    edges = []
    for link in links:
        ends = (nodes[link[0]], nodes[link[1]])
        if link in lanes:
            between = range(depths[link[0]] + 1, depths[link[1]])
            tops = [node.y for node in nodes.values() if depths[node.name] in between]
            edges.append(_detour(*ends, min(tops) - _LANE * (1 + lanes.index(link))))
        else:
            edges.append(_edge(*ends))
    layers = max(depths.values(), default=0) + 1
    return Diagram(
        width=2 * _MARGIN + layers * _WIDTH + (layers - 1) * _GAP_X,
        height=above + _MARGIN + tallest * _HEIGHT + (tallest - 1) * _GAP_Y,
        nodes=tuple(nodes.values()),
        edges=tuple(edges),
    )


def _depths(stages: Sequence[StageResult]) -> Mapping[str, int]:
    """Return how many stages lie before each, on the longest way."""
    depths: dict[str, int] = {}
    left = list(stages)
    while left:
        known = [s for s in left if all(o in depths for o in s.sources)] or left[:1]
        for stage in known:
            before = [depths[source] for source in stage.sources if source in depths]
            depths[stage.name] = max(before, default=-1) + 1
        left = [stage for stage in left if stage.name not in depths]
    return depths


def _edge(source: StageNode, target: StageNode) -> str:
    x1, y1 = source.x + _WIDTH, source.y + _HEIGHT // 2
    x2, y2 = target.x, target.y + _HEIGHT // 2
    bend = max(24, (x2 - x1) // 2)
    return f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"


def _detour(source: StageNode, target: StageNode, lane: int) -> str:
    """Return an edge that goes by above the stages that lie between."""
    x1, y1 = source.x + _WIDTH, source.y + _HEIGHT // 2
    x2, y2 = target.x, target.y + _HEIGHT // 2
    bend = _GAP_X // 2
    over = f"C{x1 + bend} {y1} {x1 + bend} {lane} {x1 + _GAP_X} {lane}"
    back = f"C{x2 - bend} {lane} {x2 - bend} {y2} {x2} {y2}"
    return f"M{x1} {y1} {over} L{x2 - _GAP_X} {lane} {back}"


def _state(stage: StageResult) -> State:
    states = {variant.state for variant in stage.variants}
    return next((state for state in _GRAVEST_FIRST if state in states), State.PENDING)


def _counts(stage: StageResult) -> str:
    """Return the variants by state, as far as there is room for it."""
    states = Counter(variant.state for variant in stage.variants)
    total = counted(len(stage.variants), "variant")
    if len(states) > _STATES:
        return f"{total}, {states[_state(stage)]} {_state(stage)}"
    if len(states) > 1:
        return ", ".join(f"{count} {state}" for state, count in states.items())
    return f"{total} {_state(stage)}" if states else "no variants"


def _detail(stage: StageResult) -> str:
    if stage.best is not None:
        return f"best {stage.metric} {stage.best.history.metric:.4g}"
    return duration_text(stage.duration_s) if stage.duration_s else ""
