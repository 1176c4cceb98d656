"""The runs of a pipeline beside each other, each with its best variants: data to compare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbexp.files import value_text
from nbexp.reports.tables import Columns, stage_table
from nbexp.reports.timeline import TimelineEntry, code_of, metrics_of, settings_of
from nbexp.runs.history import RunHistory, VariantHistory
from nbexp.runs.results import RunResult, StageResult, VariantResult, best_by_stage
from nbexp.states import State

_MOST = 20  # other runs, the newest
_LARGEST = 5_000_000  # bytes of a notebook of another run that is brought along


@dataclass(frozen=True)
class ComparedRun:
    """A run among those that are compared, with the variants that stand for it.

    Attributes:
        entry: The run.
        best: The best variant of each stage; the only one, of a stage without a metric.
        pages: Where the page of each of them is, seen from the report's root, if there is one.
        page: Where the run's own page is; None if the report has none.
    """

    entry: TimelineEntry
    best: Mapping[str, VariantResult]
    pages: Mapping[str, str]
    page: str | None


@dataclass(frozen=True)
class Places:
    """Where pages are, seen from a report's root.

    Attributes:
        own: The run that the report tells of.
        elsewhere: Where the reports of other runs are, such as ``../``; None where there are none,
            and the report brings the pages of their best variants along.
    """

    own: RunResult
    elsewhere: str | None

    def has(self, variant: VariantResult) -> bool:
        """Whether a variant is the own run's too, maybe taken from an earlier run."""
        known = self.own.history.variants.get(variant.name)
        record = self.own.variant(known.name).record if known else None
        return bool(record and variant.record and record.key == variant.record.key)

    def of_run(self, run: RunResult) -> str | None:
        """Return where a run's first page is, if there is one."""
        if run.id == self.own.id:
            return "index.html"
        return None if self.elsewhere is None else f"{self.elsewhere}{run.id}/index.html"

    def of_variant(self, run: RunResult, variant: VariantResult) -> str | None:
        """Return where a variant's page is, or could be brought to; None if it is too large."""
        page = f"variants/{variant.name}.html"
        if run.id == self.own.id or self.has(variant):
            return page
        if self.elsewhere is not None:
            return f"{self.elsewhere}{run.id}/{page}"
        return f"runs/{run.id}/{page}" if _is_small(variant) else None


def find_compared_runs(places: Places, entries: Sequence[TimelineEntry]) -> list[ComparedRun]:
    """Return a run and the others of its pipeline that are compared with it, the newest first.

    Args:
        places: Where pages are; the run is its own.
        entries: All runs of its task.
    """
    run = places.own
    same = [each for each in entries[::-1] if each.history.pipeline == run.history.pipeline]
    others = {each.id for each in [each for each in same if each.id != run.id][:_MOST]}
    return [_compared_run(places, each) for each in same if each.id == run.id or each.id in others]


def comparison_data(run: RunResult, compared_runs: Sequence[ComparedRun]) -> dict[str, Any]:
    """Return what the page that compares runs loads, for JSON.

    ``table`` and each of ``best``, by stage, have the form of a stage's data; a row of the latter
    is the variant that stands for the run named by ``runs``.
    """
    found = {stage.name: _best_of(stage, compared_runs) for stage in run.stages}
    return {
        "table": _table(compared_runs),
        "best": {stage: data for stage, data in found.items() if len(data["runs"]) > 1},
    }


def _compared_run(places: Places, entry: TimelineEntry) -> ComparedRun:
    run = entry.run
    best = {stage: run.variant(each.name) for stage, each in _standing_for(run.history).items()}
    found = {stage: places.of_variant(run, variant) for stage, variant in best.items()}
    pages = {stage: page for stage, page in found.items() if page}
    return ComparedRun(entry, best, pages, places.of_run(run))


def _standing_for(history: RunHistory) -> dict[str, VariantHistory]:
    found = best_by_stage(history)
    for stage in history.stages:
        variants = history.of_stage(stage)
        is_one = len(variants) == 1 and variants[0].state is State.FINISHED
        if stage not in history.metrics and is_one:
            found[stage] = variants[0]
    return found


def _is_small(variant: VariantResult) -> bool:
    return variant.notebook.is_file() and variant.notebook.stat().st_size <= _LARGEST


def _table(compared_runs: Sequence[ComparedRun]) -> dict[str, Any]:
    entries = [each.entry for each in compared_runs]
    runs = [entry.run for entry in entries]
    columns = Columns()
    columns.add("fact", "variant", (run.id for run in runs), kind="text")
    columns.add("fact", "state", (run.state.value for run in runs), kind="state")
    columns.add("fact", "started", (run.history.started for run in runs), kind="time")
    columns.add("fact", "took", (run.duration_s for run in runs), kind="duration")
    columns.add("fact", "variants", (entry.counts for entry in entries), kind="text")
    for key in metrics_of(entries):
        mode = next(e.history.metrics[key[0]][1] for e in entries if key in e.best)
        values = (entry.value(key) for entry in entries)
        columns.add("best", f"{key[0]}: {key[1]}", values, kind="number", mode=mode)
    columns.add("code", "commit", (run.commit or None for run in runs), kind="text")
    _add_all(columns, "code", [code_of(run) for run in runs])
    _add_all(columns, "setting", [dict(settings_of(run.source)) for run in runs])
    return {
        "stage": "runs",
        "metric": "",
        "mode": "max",
        **columns.data(),
        "links": [each.page and f"../{each.page}" for each in compared_runs],
        "labels": [entry.counts for entry in entries],
    }


def _add_all(columns: Columns, role: str, tables: Sequence[Mapping[str, Any]]) -> None:
    for name in dict.fromkeys(name for table in tables for name in table):
        values = (table.get(name) for table in tables)
        texts = (v if v is None else value_text(v) for v in values)
        columns.add(role, name, texts, kind="text")


def _best_of(stage: StageResult, compared_runs: Sequence[ComparedRun]) -> dict[str, Any]:
    """Return the variants that stand for runs in a stage, if they have the same metric."""
    fit = [
        each
        for each in compared_runs
        if stage.name in each.best
        and each.entry.history.metrics.get(stage.name, ("",))[0] == stage.metric
    ]
    variants = tuple(each.best[stage.name] for each in fit)
    pseudo = StageResult(
        stage.name, stage.metric, stage.mode, stage.notebooks, variants, stage.sources
    )
    data = stage_table(pseudo, [variant.entries() for variant in variants]) if variants else {}
    runs = [each.entry.id for each in fit]
    for run, row in zip(runs, data.get("rows", ()), strict=True):
        row[0] = f"{run}: {row[0]}"
    pages = [each.pages.get(stage.name) for each in fit]
    links = [page and f"../{page}" for page in pages]
    return {**data, "runs": runs, "links": links, "matrices": []}
