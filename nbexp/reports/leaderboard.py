"""The best variants of all runs of a task, for each metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nbexp.pipeline import Mode
from nbexp.reports.tables import text_of
from nbexp.reports.timeline import TimelineEntry
from nbexp.runs.history import VariantHistory
from nbexp.runs.results import RunResult, VariantResult, best_first, flat

_PLACES = 50
Find = Callable[[RunResult, VariantResult], tuple[str | None, bool]]


@dataclass(frozen=True)
class RankedVariant:
    """A place on the leaderboard.

    Attributes:
        rank: From 1; equal values share one.
        entry: The first run that has the variant.
        variant: The variant.
        params: The parameters in which the variants of the board differ, in words.
        link: Its page, if there is one.
        is_current: Whether the report's own run has it, too.
    """

    rank: int
    entry: TimelineEntry
    variant: VariantHistory
    params: str
    link: str | None
    is_current: bool


@dataclass(frozen=True)
class Leaderboard:
    """The best variants by one metric.

    Attributes:
        stage: Name of the stage.
        metric: Name of the metric.
        mode: Whether larger or smaller is better.
        places: The best ones, the best first.
        count: How many there are in all.
        pipelines: Those that they come from.
    """

    stage: str
    metric: str
    mode: Mode
    places: tuple[RankedVariant, ...]
    count: int
    pipelines: frozenset[str]


def leaderboards(entries: Sequence[TimelineEntry], find: Find) -> list[Leaderboard]:
    """Return a leaderboard for each metric of any run of a task.

    A variant that was taken from an earlier run counts once, as that run's.

    Args:
        entries: The runs.
        find: Returns a variant's page, if there is one, and whether the report's own run has it.
    """
    metrics = {(stage, *each): None for e in entries for stage, each in e.history.metrics.items()}
    boards = [_board(entries, find, stage, metric, Mode(mode)) for stage, metric, mode in metrics]
    return [board for board in boards if board.count]


def _board(
    entries: Sequence[TimelineEntry], find: Find, stage: str, metric: str, mode: Mode
) -> Leaderboard:
    first: dict[tuple[str, float], tuple[TimelineEntry, VariantHistory]] = {}
    for entry in entries:
        if entry.history.metrics.get(stage) != [metric, mode.value]:
            continue
        for variant in entry.history.of_stage(stage):
            if variant.metric is not None:
                first.setdefault((variant.name, variant.metric), (entry, variant))
    ordered = best_first([variant for _, variant in first.values()], mode)
    origin = {id(variant): entry for entry, variant in first.values()}
    best = [
        (origin[id(each)], origin[id(each)].run.variant(each.name)) for each in ordered[:_PLACES]
    ]
    places: list[RankedVariant] = []
    for number, ((entry, found), label) in enumerate(zip(best, _labels(best), strict=True), 1):
        is_tie = bool(places) and places[-1].variant.metric == found.history.metric
        rank = places[-1].rank if is_tie else number
        places.append(RankedVariant(rank, entry, found.history, label, *find(entry.run, found)))
    pipelines = frozenset(entry.history.pipeline for entry, _ in first.values())
    return Leaderboard(stage, metric, mode, tuple(places), len(ordered), pipelines)


def _labels(best: Sequence[tuple[TimelineEntry, VariantResult]]) -> Iterator[str]:
    """Yield for each variant those of its parameters in which any differ."""
    params = [
        {name: text_of(value) for name, value in flat(variant.params).items()}
        for _, variant in best
    ]
    values: dict[str, set[str]] = {}
    for each in params:
        for name, text in each.items():
            values.setdefault(name, set()).add(text)
    for each in params:
        yield " ".join(f"{name}={text}" for name, text in each.items() if len(values[name]) > 1)
