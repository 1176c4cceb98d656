"""How long it may take: from what variants took, and how many of them run at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbexp.display import StageTally, Tally
from nbexp.pipeline import Pipeline, Stage
from nbexp.plan import NO_TIME, Plan, PlannedStage, Ranges, Seconds, Took, expected
from nbexp.plan.options import expand_options, expand_points
from nbexp.run import RunIndex, cluster_address, local_node
from nbexp.runs.variant_folder import RUNS
from nbexp.states import State
from nbexp.wording import duration_text


def slots(pipeline: Pipeline, stage: str) -> int:
    """Return how many variants of a stage this machine runs at a time."""
    node, needs = local_node(), pipeline.stages[stage].resources.needs()
    if not needs:
        return 4 * int(node["CPU"])  # as many workers as the pool of a run starts
    return max(1, int(min(node.get(name, 0.0) / amount for name, amount in needs.items())))


def work_of(plan: Plan) -> Seconds | None:
    """Return the estimated time of all executions together; None where unknown."""
    works = [stage.work for stage in plan.stages]
    return None if None in works else sum(filter(None, works), NO_TIME)


def wall_of(plan: Plan) -> Seconds | None:
    """Return the estimated time that a run takes on this machine; None where unknown."""
    total = NO_TIME
    for stage in plan.stages:
        if stage.work is None:
            return None
        total += stage.work * (1 / _at_a_time(plan, stage))
    return total


def plan_record(plan: Plan) -> dict[str, Any]:
    """Return a plan as a table for JSON, with how long it may take."""
    work, wall = work_of(plan), wall_of(plan)
    means = {"work_s": work and work.mean, "wall_s": wall and wall.mean}
    ranges = {"work_range_s": work and [work.least, work.most]}
    return plan.to_record() | means | ranges


def seconds_text(estimate: Seconds) -> str:
    """Return an estimate in words, such as ``about 2 min 5 s``, or ``40 s to 3 min 20 s``."""
    if estimate.is_level:
        return f"about {duration_text(estimate.mean)}"
    if not estimate.least:
        return f"up to {duration_text(estimate.most)}"
    return f"{duration_text(estimate.least)} to {duration_text(estimate.most)}"


def _at_a_time(plan: Plan, stage: PlannedStage) -> int:
    """Return how many variants of a planned stage run at a time, on this machine."""
    search = plan.pipeline.stages[stage.name].search
    searches = math.ceil(stage.to_suggest / search.samples)  # at least
    waiting = stage.counts[State.PENDING] + min(stage.to_suggest, search.concurrent * searches)
    return max(1, min(slots(plan.pipeline, stage.name), waiting))


def read_took(pipeline: Pipeline) -> dict[str, list[Took]]:
    """Return how long the last variants of each stage took, by the folder of runs."""
    index = RunIndex(pipeline.folder / RUNS)
    try:
        return {stage: index.took(pipeline.name, stage) for stage in pipeline.stages}
    finally:
        index.close()


@dataclass(frozen=True)
class _Expected:
    """What is known of a stage before it runs.

    Attributes:
        ranges: The parameters that its variants have.
        earlier: How long each takes by earlier runs, if they tell.
        options: Number of its own options.
        samples: How many variants its search makes; 0 where it has none.
    """

    ranges: Ranges
    earlier: Seconds | None
    options: int
    samples: int


def _expect(stage: Stage, seed: int, took: Sequence[Took]) -> _Expected:
    is_adaptive = stage.search.is_adaptive
    points = expand_points(stage, seed) if is_adaptive else ()
    options = [point.option for point in points] or expand_options(stage, seed)
    ranges = Ranges(option.params for option in options)
    samples = stage.search.samples if is_adaptive else 0
    return _Expected(ranges, expected(took, options), len(options), samples)


@dataclass(frozen=True)
class Left:
    """How long a run goes on.

    Attributes:
        seconds: An estimate of that, as far as there is something to judge by.
        is_all: Whether nothing else is left to be done; if not, it is a lower bound.
    """

    seconds: Seconds
    is_all: bool

    @property
    def text(self) -> str:
        """That in words, such as ``about 40 s left``; empty where there is nothing to tell."""
        least, mean, most = map(round, (self.seconds.least, self.seconds.mean, self.seconds.most))
        if not self.is_all:
            return f"more than {duration_text(least)} left" if least else ""
        return f"{seconds_text(Seconds(least, mean, most))} left" if mean else ""


class TimeLeft:
    """Estimates how long a run goes on.

    Args:
        pipeline: The pipeline.
        took: How long the last variants of each stage took.
    """

    def __init__(self, pipeline: Pipeline, took: Mapping[str, Sequence[Took]]) -> None:
        is_local = cluster_address() is None
        self._slots = {n: slots(pipeline, n) if is_local else 0 for n in pipeline.stages}
        self._expected = {
            name: _expect(stage, pipeline.seed, took.get(name, ()))
            for name, stage in pipeline.stages.items()
        }

    def of(self, tally: Tally) -> Left:
        """Return how long it goes on, as it stands."""
        stages = tally.stages.values()
        lefts = [self._stage_left(stage, tally.most_running) for stage in stages]
        is_all = None not in lefts and all(map(self._is_known, stages))
        return Left(sum(filter(None, lefts), NO_TIME), is_all)

    def _stage_left(self, stage: StageTally, most_running: int) -> Seconds | None:
        count = self._count(stage)
        if not count:
            return NO_TIME
        each = self._each(stage)
        if each is None:
            return None
        now = time.time()
        at_a_time = min(self._slots[stage.name] or most_running or 1, count)

        def left_s(seconds: float) -> float:
            spent_s = sum(min(now - began, seconds) for began in stage.running.values())
            return max(seconds * count - spent_s, 0.0) / at_a_time

        return Seconds(*(left_s(seconds) for seconds in (each.least, each.mean, each.most)))

    def _each(self, stage: StageTally) -> Seconds | None:
        """Return how long a variant takes: by those of this run, else by those before."""
        known = self._expected[stage.name]
        return stage.durations.of(known.ranges) or known.earlier

    def _is_known(self, stage: StageTally) -> bool:
        """Whether the number of variants is known, and none runs longer than was to be expected."""
        if stage.has_ended or not (each := self._each(stage)):
            return True
        first = min(stage.running.values(), default=math.inf)
        is_counted = stage.total or self._expected[stage.name].samples
        return bool(is_counted) and each.may_be(time.time() - first)

    def _count(self, stage: StageTally) -> int:
        """Return how many variants have yet to end, as far as it is known."""
        if stage.has_ended:
            return stage.left
        known = self._expected[stage.name]
        if stage.total or known.samples:  # a search makes its variants one by one
            return max(stage.total, known.samples) - stage.done
        return max(known.options, 1)
