"""The best variants of all runs of a task, for each metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nbexp.pipeline import Mode
from nbexp.reports.chronicle import Entry, metrics_of
from nbexp.reports.data import Run, flat
from nbexp.reports.tables import text_of
from nbexp.results import best_first
from nbexp.run import RunFolder, VariantHistory, VariantRecord

_PLACES = 50


@dataclass(frozen=True)
class Place:
    """A place on the leaderboard.

    Attributes:
        rank: From 1; equal values share one.
        run: Name of the first run that has the variant.
        variant: The variant.
        params: The parameters in which the variants of the board differ, in words.
        link: Its page, if the report has one.
    """

    rank: int
    entry: Entry
    variant: VariantHistory
    params: str
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
        pipelines: Those that they come from.
    """

    stage: str
    metric: str
    mode: Mode
    places: tuple[Place, ...]
    count: int
    pipelines: frozenset[str]


def standings(
    run: Run, entries: Sequence[Entry], pages: Mapping[tuple[str, str], str]
) -> list[Board]:
    """Return a leaderboard for each metric of any run of a task.

    A variant that was taken from an earlier run counts once, as that run's.

    Args:
        run: The run that the report tells of.
        entries: The runs.
        pages: The pages of other runs' variants that the report has, by run and variant.
    """
    own = {(run.id, name): f"variants/{name}.html" for name in run.history.variants}
    return [_board({**pages, **own}, entries, *key) for key in metrics_of(entries)]


def _board(
    pages: Mapping[tuple[str, str], str], entries: Sequence[Entry], stage: str, metric: str
) -> Board:
    first: dict[tuple[str, float], tuple[Entry, VariantHistory]] = {}
    mode = Mode.MAX
    for entry in entries:
        if entry.history.metrics.get(stage, ("",))[0] != metric:
            continue
        mode = Mode(entry.history.metrics[stage][1])
        for variant in entry.history.of_stage(stage):
            if variant.metric is not None:
                first.setdefault((variant.name, variant.metric), (entry, variant))
    ordered = best_first([variant for _, variant in first.values()], mode)
    origin = {id(variant): entry for entry, variant in first.values()}
    params = [_params(origin[id(each)].run.folder, each.name) for each in ordered[:_PLACES]]
    places: list[Place] = []
    for number, (variant, label) in enumerate(zip(ordered, _labels(params), strict=False), 1):
        is_tie = bool(places) and places[-1].variant.metric == variant.metric
        rank = places[-1].rank if is_tie else number
        entry = origin[id(variant)]
        places.append(Place(rank, entry, variant, label, pages.get((entry.id, variant.name))))
    pipelines = frozenset(entry.history.pipeline for entry, _ in first.values())
    return Board(stage, metric, mode, tuple(places), len(ordered), pipelines)


def _params(run: RunFolder, variant: str) -> dict[str, str]:
    record = VariantRecord.read(run.variant(variant))
    return {name: text_of(value) for name, value in flat(record.params if record else {}).items()}


def _labels(params: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield for each variant those of its parameters in which any differ."""
    values: dict[str, set[str]] = {}
    for each in params:
        for name, text in each.items():
            values.setdefault(name, set()).add(text)
    for each in params:
        yield " ".join(f"{name}={text}" for name, text in each.items() if len(values[name]) > 1)
