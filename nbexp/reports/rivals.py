"""The runs of a pipeline beside each other, each with its best variants: data to compare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbexp.files import to_json
from nbexp.reports.chronicle import Entry, metrics_of, settings_of, templates
from nbexp.reports.data import Run, Stage, Variant
from nbexp.reports.tables import Columns, stage_table
from nbexp.results import best_by_stage
from nbexp.run import RunHistory, VariantHistory
from nbexp.states import State

_MOST = 20  # other runs, the newest
_LARGEST = 5_000_000  # bytes of a notebook of another run that is brought along


@dataclass(frozen=True)
class Rival:
    """A run among those that are compared, with the variants that stand for it.

    Attributes:
        entry: The run.
        best: The best variant of each stage; the only one, of a stage without a metric.
        pages: Where the page of each of them is, seen from the report's root, if there is one.
        page: Where the run's own page is; None if the report has none.
    """

    entry: Entry
    best: Mapping[str, Variant]
    pages: Mapping[str, str]
    page: str | None


def find_rivals(run: Run, entries: Sequence[Entry], elsewhere: str | None) -> list[Rival]:
    """Return a run and the others of its pipeline that are compared with it, the newest first.

    Args:
        run: The run.
        entries: All runs of its task.
        elsewhere: Where the pages of other runs are, seen from the report's root, such as ``../``;
            None where the report brings those of their best variants along.
    """
    same = [each for each in entries[::-1] if each.history.pipeline == run.history.pipeline]
    others = {each.id for each in [each for each in same if each.id != run.id][:_MOST]}
    return [_rival(run, each, elsewhere) for each in same if each.id == run.id or each.id in others]


def compared(run: Run, rivals: Sequence[Rival]) -> dict[str, Any]:
    """Return what the page that compares runs loads, for JSON.

    ``table`` and each of ``best``, by stage, have the form of a stage's data; a row of the latter
    is the variant that stands for the run named by ``runs``.
    """
    found = {stage.name: _best_of(stage, rivals) for stage in run.stages}
    return {
        "table": _table(rivals),
        "best": {stage: data for stage, data in found.items() if len(data["runs"]) > 1},
    }


def _rival(own: Run, entry: Entry, elsewhere: str | None) -> Rival:
    run = entry.run
    best = {stage: run.variant(each) for stage, each in _standing_for(run.history).items()}
    place = f"runs/{run.id}/" if elsewhere is None else f"{elsewhere}{run.id}/"
    pages = {}
    for stage, variant in best.items():
        if _is_part(variant, own):
            pages[stage] = f"variants/{variant.name}.html"
        elif elsewhere is not None or _is_small(variant):
            pages[stage] = f"{place}variants/{variant.name}.html"
    page = "index.html" if run.id == own.id else elsewhere and f"{place}index.html"
    return Rival(entry, best, pages, page)


def _standing_for(history: RunHistory) -> dict[str, VariantHistory]:
    found = best_by_stage(history)
    for stage in history.stages:
        variants = history.of_stage(stage)
        is_one = len(variants) == 1 and variants[0].state is State.FINISHED
        if stage not in history.metrics and is_one:
            found[stage] = variants[0]
    return found


def _is_part(variant: Variant, run: Run) -> bool:
    """Whether a run has the same variant, maybe taken from an earlier run."""
    known = run.history.variants.get(variant.name)
    record = run.variant(known).record if known else None
    return bool(record and variant.record and record.key == variant.record.key)


def _is_small(variant: Variant) -> bool:
    return variant.notebook is not None and variant.notebook.stat().st_size <= _LARGEST


def _table(rivals: Sequence[Rival]) -> dict[str, Any]:
    entries = [rival.entry for rival in rivals]
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
    _add_all(columns, "code", [_code(run) for run in runs])
    _add_all(columns, "setting", [dict(settings_of(run.source)) for run in runs])
    return {
        "stage": "runs",
        "metric": "",
        "mode": "max",
        **columns.data(),
        "links": [rival.page and f"../{rival.page}" for rival in rivals],
        "labels": [entry.counts for entry in entries],
    }


def _code(run: Run) -> dict[str, str]:
    return {f"{name}.ipynb": ", ".join(sorted(codes)) for name, codes in templates(run).items()}


def _add_all(columns: Columns, role: str, tables: Sequence[Mapping[str, Any]]) -> None:
    for name in dict.fromkeys(name for table in tables for name in table):
        values = (table.get(name) for table in tables)
        texts = (v if v is None or isinstance(v, str) else to_json(v) for v in values)
        columns.add(role, name, texts, kind="text")


def _best_of(stage: Stage, rivals: Sequence[Rival]) -> dict[str, Any]:
    """Return the variants that stand for runs in a stage, if they have the same metric."""
    fit = [
        rival
        for rival in rivals
        if stage.name in rival.best
        and rival.entry.history.metrics.get(stage.name, ("",))[0] == stage.metric
    ]
    variants = tuple(rival.best[stage.name] for rival in fit)
    pseudo = Stage(stage.name, stage.metric, stage.mode, stage.notebooks, variants, stage.sources)
    data = stage_table(pseudo, [variant.logged() for variant in variants]) if variants else {}
    runs = [rival.entry.id for rival in fit]
    for run, row in zip(runs, data.get("rows", ()), strict=True):
        row[0] = f"{run}: {row[0]}"
    pages = [rival.pages.get(stage.name) for rival in fit]
    return {**data, "runs": runs, "links": [page and f"../{page}" for page in pages]}
