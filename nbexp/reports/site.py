"""The pages of a run's report, each made when it is asked for."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from nbexp import __version__
from nbexp.files import read_bytes
from nbexp.metrics import Entry as Logged
from nbexp.permutation_importance import importance
from nbexp.reports.comparison import ComparedRun, Places, comparison_data, find_compared_runs
from nbexp.reports.data import failed_alike
from nbexp.reports.diagram import draw
from nbexp.reports.leaderboard import leaderboards
from nbexp.reports.pages import CHART_SCRIPTS, Pages, script_json
from nbexp.reports.tables import stage_table, varying_params
from nbexp.reports.timeline import TimelineEntry, code_of, metrics_of, timeline
from nbexp.reports.variants import VariantPages
from nbexp.runs.results import RunResult, StageResult, VariantResult
from nbexp.runs.variant_folder import RUNS
from nbexp.states import State
from nbexp.wording import counted, counts_text, duration_text, time_text

_FAILURES_SHOWN = 20
_MORE = (
    ("compare.html", "Compare"),
    ("history.html", "History"),
    ("leaderboard.html", "Leaderboard"),
)
_DATA = "window.nbexp = window.nbexp || {}; nbexp.data = nbexp.data || {};\n"
PAGES_AMONG_RUNS = frozenset(file for file, _ in _MORE)  # they tell of the runs beside, too
_STAGE_SCRIPTS = (*CHART_SCRIPTS, "stage.js")


class Site:
    """The pages of a run's report, by their paths within it.

    Args:
        run: The run.
        folder: Where files go that pages refer to.
        shared: Values for all pages, such as another `policy`.
        elsewhere: Where the reports of the runs beside it are, seen from its own root, such as
            ``../``. Then what variants left is not brought into the folder either, but to be found
            at the same addresses by other means.
        has_compared_runs: Whether other runs can be compared with it.
        read_other: Returns another run by its folder.
    """

    def __init__(  # noqa: PLR0913 - what there is around a run
        self,
        run: RunResult,
        folder: Path,
        shared: Mapping[str, Any] | None = None,
        *,
        elsewhere: str | None = None,
        has_compared_runs: bool = True,
        read_other: Callable[[Path], RunResult] = RunResult.read,
    ) -> None:
        self._run = run
        self._folder = folder
        self._places = Places(run, elsewhere)
        self._has_compared_runs = has_compared_runs
        self._read_other = read_other
        self._stages = {stage.name: stage for stage in run.stages}
        self._of = {each.name: (stage, each) for stage in run.stages for each in stage.variants}
        self._variants = VariantPages(run, folder, brings_files=elsewhere is None)
        told = {"run": run, "more_pages": _MORE, "now": time.time(), "version": __version__}
        self._pages = Pages(told | dict(shared or {}))
        self._logged: dict[str, list[list[Logged]]] = {}

    def paths(self) -> list[str]:
        """Return the paths of all pages, and of the data that they load."""
        return [
            "index.html",
            *(f"variants/{name}.html" for name in self._of),
            *(f"stages/{name}.html" for name in self._stages),
            *(f"data/{name}.js" for name in self._stages),
            *(file for file, _ in _MORE),
            *self._foreign,
        ]

    def render(self, path: str) -> str:
        """Return a page, or the data of one.

        Raises:
            KeyError: There is no such page.
        """
        kind, _, file = path.rpartition("/")
        name = file.rpartition(".")[0]
        if kind.startswith("runs/"):
            return self._variant_of_compared_run(path, *self._foreign[path])
        if kind == "variants":
            return self._variant(path, *self._of[name])
        if kind == "stages":
            return self._stage(path, self._stages[name])
        if kind == "data":
            return self._data(self._stages[name])
        make = {
            "index.html": self._overview,
            "compare.html": self._compare,
            "history.html": self._history,
            "leaderboard.html": self._leaderboard,
        }
        return make[path](path)

    @cached_property
    def _entries(self) -> list[TimelineEntry]:
        """The runs of the same task."""
        return timeline(self._run, self._read_other)

    @cached_property
    def _history_entries(self) -> list[TimelineEntry]:
        """Those of the same pipeline."""
        own = self._run.history.pipeline
        return [entry for entry in self._entries if entry.history.pipeline == own]

    @cached_property
    def _compared_runs(self) -> list[ComparedRun]:
        if not self._has_compared_runs:
            return []
        return find_compared_runs(self._places, self._entries)

    @cached_property
    def _foreign(self) -> dict[str, tuple[ComparedRun, str]]:
        """The pages of other runs' variants, with their stages."""
        return {
            path: (other, stage)
            for other in self._compared_runs
            for stage, path in other.pages.items()
            if path.startswith("runs/")
        }

    def _logged_by(self, stage: StageResult) -> list[list[Logged]]:
        if stage.name not in self._logged:
            self._logged[stage.name] = [variant.entries() for variant in stage.variants]
        return self._logged[stage.name]

    def _page(self, template: str, path: str, /, *, page: str = "", **values: Any) -> str:
        root = "../" * path.count("/")
        return self._pages.render(template, root=root, page=page or path, **values)

    def _overview(self, path: str) -> str:
        run = self._run
        return self._page(
            "overview.html",
            path,
            page="overview",
            about=_about(run),
            drawing=draw(run.stages),
            failed_alike=failed_alike(run),
            failures_shown=_FAILURES_SHOWN,
            settings=[*_settings(run.source), ("code", _code_text(run))],
            pipeline_text=_text(run.files.pipeline_file),
        )

    def _variant(self, path: str, stage: StageResult, variant: VariantResult) -> str:
        values = self._variants.values(stage, variant)
        return self._page(
            "variant.html", path, page=f"stage {stage.name}", compared_run=None, **values
        )

    def _variant_of_compared_run(self, path: str, other: ComparedRun, stage: str) -> str:
        run = other.entry.run
        folder = self._folder / RUNS / run.id
        pages = VariantPages(run, folder, assets=self._folder / "assets", is_guest=True)
        values = pages.values(run.stage_result(stage), other.best[stage])
        return self._page("variant.html", path, page="compare.html", compared_run=run, **values)

    def _stage(self, path: str, stage: StageResult) -> str:
        return self._page(
            "stage.html",
            path,
            page=f"stage {stage.name}",
            stage=stage,
            about=_about_stage(stage),
            scripts=_STAGE_SCRIPTS,
        )

    def _data(self, stage: StageResult) -> str:
        """Return the data of a stage as a script, since pages can't fetch files."""
        data = stage_table(stage, self._logged_by(stage))
        metric = [variant.history.metric for variant in stage.variants]
        data["importance"], data["importance_note"] = (
            importance(varying_params(stage), metric) if stage.metric else (None, "")
        )
        pruned = sum(variant.state is State.PRUNED for variant in stage.variants)
        if data["importance"] and pruned:
            data["importance_note"] += (
                f" {pruned} of them were pruned, and count as they were then."
            )
        return f"{_DATA}nbexp.data[{script_json(stage.name)}] = {script_json(data)};\n"

    def _history(self, path: str) -> str:
        entries, known = self._history_entries, {each.entry.id for each in self._compared_runs}
        metrics = metrics_of(entries)
        charts = [
            {
                "title": f"Best {metric} of {stage}, run after run",
                "metric": metric,
                "mode": next(
                    e.history.metrics[stage][1] for e in entries if (stage, metric) in e.best
                ),
                "runs": [entry.id for entry in entries],
                "values": [_finite(entry.value((stage, metric))) for entry in entries],
            }
            for stage, metric in (metrics if len(entries) > 1 else ())
        ]
        return self._page(
            "history.html",
            path,
            entries=entries[::-1],
            compared=known,
            metrics=metrics,
            charts=charts,
            scripts=(*CHART_SCRIPTS, "history.js"),
        )

    def _leaderboard(self, path: str) -> str:
        boards = leaderboards(self._entries, self._find)
        return self._page("leaderboard.html", path, boards=boards)

    def _find(self, run: RunResult, variant: VariantResult) -> tuple[str | None, bool]:
        """Return the page of a variant of any run, if there is one, and whether it is an own."""
        page = self._places.of_variant(run, variant)
        if page is None or page.startswith("variants/"):
            return page, page is not None
        is_there = (
            page in self._foreign if self._places.elsewhere is None else self._has_compared_runs
        )
        return page if is_there else None, False

    def _compare(self, path: str) -> str:
        others = self._compared_runs
        runs = comparison_data(self._run, others) if len(others) > 1 else None
        scripts = (*_STAGE_SCRIPTS, "compare.js")
        return self._page("compare.html", path, runs=runs, scripts=scripts)


def _about(run: RunResult) -> list[tuple[str, str]]:
    return [
        ("task", run.task if run.task != run.history.pipeline else ""),
        ("started", time_text(run.history.started)),
        ("took", duration_text(run.duration_s)),
        ("variants", counts_text(run.history.counts)),
        ("notebooks took", duration_text(sum(stage.duration_s for stage in run.stages))),
        ("commit", run.commit),
        ("MLflow", str(run.tracking.get("run_id", ""))),
    ]


def _about_stage(stage: StageResult) -> list[tuple[str, str]]:
    counts = counts_text(Counter(variant.state for variant in stage.variants))
    better = "larger is better" if stage.mode == "max" else "smaller is better"
    return [
        ("variants", ": ".join(filter(None, (counted(len(stage.variants), "variant"), counts)))),
        ("notebook", ", ".join(stage.notebooks)),
        ("metric", f"{stage.metric} ({better})" if stage.metric else ""),
        ("best", stage.selection.removeprefix("the best ") if stage.metric else ""),
        ("after", ", ".join(stage.sources)),
        ("notebooks took", duration_text(stage.duration_s)),
    ]


def _settings(source: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (name, ", ".join(f"{key} = {each}" for key, each in value.items()))
        if isinstance(value, dict)
        else (name, value)
        for name, value in source.items()
        if name not in ("name", "task", "stages", "report") and value not in ({}, None)
    ]


def _code_text(run: RunResult) -> str:
    """Return what tells the code from that of other runs, as far as it is not in the commit."""
    return ", ".join(f"{name} {code}" for name, code in code_of(run).items())


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode(errors="replace")
    except OSError:
        return ""
