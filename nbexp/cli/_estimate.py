"""How long it may take: from what variants took, and how many of them run at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from nbexp.cli._tally import StageTally, Tally
from nbexp.pipeline import Pipeline
from nbexp.plan import Plan, PlannedStage
from nbexp.run import cluster_address, list_runs, local_node, read_history
from nbexp.states import State
from nbexp.wording import duration_text


@dataclass(frozen=True)
class Before:
    """What a stage's last run tells.

    Attributes:
        mean_s: Mean seconds of a variant.
        variants: Number of its variants.
    """

    mean_s: float
    variants: int


def slots(pipeline: Pipeline, stage: str) -> int:
    """Return how many variants of a stage this machine runs at a time."""
    node, needs = local_node(), pipeline.stages[stage].resources.needs()
    if not needs:
        return 4 * int(node["CPU"])  # as many workers as the pool of a run starts
    return max(1, int(min(node.get(name, 0.0) / amount for name, amount in needs.items())))


def wall_s(plan: Plan) -> float | None:
    """Return the estimated seconds that a run takes on this machine; None where unknown."""
    total = 0.0
    for stage in plan.stages:
        if stage.work_s is None:
            return None
        total += stage.work_s / _at_a_time(plan, stage)
    return total


def _at_a_time(plan: Plan, stage: PlannedStage) -> int:
    """Return how many variants of a planned stage run at a time, on this machine."""
    search = plan.pipeline.stages[stage.name].search
    searches = math.ceil(stage.to_suggest / search.samples)  # at least
    waiting = stage.counts[State.PENDING] + min(stage.to_suggest, search.concurrent * searches)
    return max(1, min(slots(plan.pipeline, stage.name), waiting))


def read_before(pipeline: Pipeline) -> dict[str, Before]:
    """Return what the last run of a pipeline tells of its stages."""
    for run in reversed(list_runs(pipeline.folder)[-5:]):
        history = read_history(run)
        found = {}
        for stage in history.stages:
            variants = history.of_stage(stage)
            known = [v.duration_s for v in variants if v.state.is_success and v.duration_s]
            if known:
                found[stage] = Before(sum(known) / len(known), len(variants))
        if history.pipeline == pipeline.name and found:
            return found
    return {}


class TimeLeft:
    """Estimates how long a run goes on.

    Args:
        pipeline: The pipeline.
        before: What its last run tells.
    """

    def __init__(self, pipeline: Pipeline, before: Mapping[str, Before]) -> None:
        self._before = before
        is_local = cluster_address() is None
        self._slots = {n: slots(pipeline, n) if is_local else 0 for n in pipeline.stages}
        searches = {name: stage.search for name, stage in pipeline.stages.items()}
        self._samples = {n: search.samples for n, search in searches.items() if search.is_adaptive}

    def phrase(self, tally: Tally) -> str:
        """Return how long it goes on, in words; empty where there is nothing to judge by."""
        stages = tally.stages.values()
        lefts = [self._stage_s(stage, tally.most_running) for stage in stages]
        known = [left for left in lefts if left is not None]
        seconds = round(sum(known))
        if not seconds:
            return ""
        is_whole = len(known) == len(lefts)
        return f"{'about' if is_whole else 'more than'} {duration_text(seconds)} left"

    def _stage_s(self, stage: StageTally, most_running: int) -> float | None:
        before = self._before.get(stage.name)
        count = self._count(stage, before)
        if not count:
            return 0.0
        mean_s = stage.mean_s or (before.mean_s if before else None)
        if mean_s is None:
            return None
        now = time.time()
        spent_s = sum(min(now - began, mean_s) for began in stage.running.values())
        at_a_time = self._slots[stage.name] or most_running or 1
        return max(mean_s * count - spent_s, 0.0) / min(at_a_time, count)

    def _count(self, stage: StageTally, before: Before | None) -> int:
        """Return how many variants have yet to end, as far as it is known."""
        if stage.has_ended:
            return stage.left
        expected = self._samples.get(stage.name, 0)  # a search makes its variants one by one
        if stage.total or expected:
            return max(stage.total, expected) - stage.done
        return before.variants if before else 1
