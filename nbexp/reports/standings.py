"""The best variants of all runs of a pipeline, for each metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nbexp.pipeline import Mode
from nbexp.reports.chronicle import Entry, metrics_of
from nbexp.reports.data import Run
from nbexp.results import best_first
from nbexp.run import VariantHistory

_PLACES = 50


@dataclass(frozen=True)
class Place:
    """A place on the leaderboard.

    Attributes:
        rank: From 1; equal values share one.
        run: Name of the first run that has the variant.
        variant: The variant.
        link: Its page, where it is part of the report's own run.
    """

    rank: int
    run: str
    variant: VariantHistory
    link: str | None


@dataclass(frozen=True)
class Board:
    """The best variants by one metric.

    Attributes:
        stage: Name of the stage.
        metric: Name of the metric.
        mode: Whether larger or smaller is better.
        places: The best ones, the best first.
        count: How many there are in all.
    """

    stage: str
    metric: str
    mode: Mode
    places: tuple[Place, ...]
    count: int


def standings(run: Run, entries: Sequence[Entry]) -> list[Board]:
    """Return a leaderboard for each metric of any run of a pipeline.

    A variant that was taken from an earlier run counts once, as that run's.
    """
    return [_board(run, entries, stage, metric) for stage, metric in metrics_of(entries)]


def _board(run: Run, entries: Sequence[Entry], stage: str, metric: str) -> Board:
    first: dict[tuple[str, float], tuple[str, VariantHistory]] = {}
    mode = Mode.MAX
    own = {variant.name for variant in run.history.of_stage(stage)}
    for entry in entries:
        if entry.history.metrics.get(stage, ("",))[0] != metric:
            continue
        mode = Mode(entry.history.metrics[stage][1])
        for variant in entry.history.of_stage(stage):
            if variant.metric is not None:
                first.setdefault((variant.name, variant.metric), (entry.id, variant))
    runs = {id(variant): run_id for run_id, variant in first.values()}
    ordered = best_first([variant for _, variant in first.values()], mode)
    places: list[Place] = []
    for number, variant in enumerate(ordered[:_PLACES], 1):
        is_tie = bool(places) and places[-1].variant.metric == variant.metric
        rank = places[-1].rank if is_tie else number
        link = f"variants/{variant.name}.html" if variant.name in own else None
        places.append(Place(rank, runs[id(variant)], variant, link))
    return Board(stage, metric, mode, tuple(places), len(ordered))
