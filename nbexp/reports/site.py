"""The report of a run: a folder of static pages."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp import __version__
from nbexp.errors import UsageError
from nbexp.files import write_atomic
from nbexp.reports.chronicle import Entry, chronicle, metrics_of
from nbexp.reports.data import Run, Stage, Variant
from nbexp.reports.diagram import draw
from nbexp.reports.importance import importance
from nbexp.reports.pages import CHART_SCRIPTS, Pages, script_json
from nbexp.reports.standings import standings
from nbexp.reports.tables import stage_table, varying_params
from nbexp.reports.variants import VariantPages
from nbexp.wording import counted, counts_text, duration_text, time_text

_FAILURES_SHOWN = 20
_MARK = "nbexp-report"  # a file that says that a folder is a report, and may be replaced
_MORE = (
    ("compare.html", "Compare"),
    ("history.html", "History"),
    ("leaderboard.html", "Leaderboard"),
)
_DATA = "window.nbexp = window.nbexp || {}; nbexp.data = nbexp.data || {};\n"
_STAGE_SCRIPTS = (*CHART_SCRIPTS, "stage.js")


@dataclass(frozen=True)
class Report:
    """A report that has been written.

    Attributes:
        index: Its first page.
        pages: How many pages it has.
        seconds: How long it took.
    """

    index: Path
    pages: int
    seconds: float


def write_report(run_folder: Path, target: Path | None = None) -> Report:
    """Write the report of a run.

    It is written beside its place and renamed, so that a report is never half there.

    Args:
        run_folder: The run's folder.
        target: The report's folder, ``report`` in the run's by default. An earlier report in it is
            replaced.

    Raises:
        UsageError: The target is there already, and no report.
    """
    started = time.monotonic()
    target = target or run_folder / "report"
    if target.exists() and not (target / _MARK).is_file() and any(target.iterdir()):
        raise UsageError(
            f"{target} is there already, and is no report. Name another folder with --to."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        count = _Site(Run.read(run_folder), beside).write()
        beside.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        beside.rename(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Report(target / "index.html", count, time.monotonic() - started)


class _Site:
    def __init__(self, run: Run, folder: Path) -> None:
        self._run = run
        self._folder = folder
        self._pages = Pages(
            {"run": run, "more_pages": _MORE, "now": time.time(), "version": __version__}
        )
        self._count = 0

    def write(self) -> int:
        """Write all pages, and return their number."""
        self._pages.copy_assets(self._folder / "assets")
        logged = {
            stage.name: [variant.logged() for variant in stage.variants]
            for stage in self._run.stages
        }
        variants = VariantPages(self._run, self._folder, self._page)
        for stage in self._run.stages:
            for variant, own in zip(stage.variants, logged[stage.name], strict=True):
                variants.write(stage, variant, own)
        for stage in self._run.stages:
            if stage.variants:
                self._stage(stage, stage_table(stage, logged[stage.name]))
        self._overview()
        entries = chronicle(self._run)
        self._history(entries)
        self._leaderboard(entries)
        self._compare()
        write_atomic(self._folder / _MARK, f"{__version__}\n")
        return self._count

    def _page(self, template: str, file: str, /, **values: Any) -> None:
        root = "../" * file.count("/")
        text = self._pages.render(template, root=root, page=values.pop("page", file), **values)
        (self._folder / file).parent.mkdir(exist_ok=True)
        write_atomic(self._folder / file, text)
        self._count += 1

    def _overview(self) -> None:
        run = self._run
        self._page(
            "overview.html",
            "index.html",
            page="overview",
            about=_about(run),
            drawing=draw(run.stages),
            failures_shown=_FAILURES_SHOWN,
            settings=_settings(run.source),
            pipeline_text=_text(run.folder.path / "pipeline.toml"),
        )

    def _stage(self, stage: Stage, data: dict[str, Any]) -> None:
        metric = [variant.history.metric for variant in stage.variants]
        data["importance"], data["importance_note"] = (
            importance(varying_params(stage), metric) if stage.metric else (None, "")
        )
        name = script_json(stage.name)
        (self._folder / "data").mkdir(exist_ok=True)
        write_atomic(
            self._folder / "data" / f"{stage.name}.js",  # a script, since files can't be fetched
            f"{_DATA}nbexp.data[{name}] = {script_json(data)};\n",
        )
        self._page(
            "stage.html",
            f"stages/{stage.name}.html",
            page=f"stage {stage.name}",
            stage=stage,
            about=_about_stage(stage),
            scripts=_STAGE_SCRIPTS,
        )

    def _history(self, entries: Sequence[Entry]) -> None:
        metrics = metrics_of(entries)
        charts = [
            {
                "title": f"Best {metric} of {stage}, run after run",
                "metric": metric,
                "values": [entry.best.get((stage, metric)) for entry in entries],
            }
            for stage, metric in metrics
        ]
        self._page(
            "history.html",
            "history.html",
            entries=entries[::-1],
            metrics=metrics,
            charts=charts,
            scripts=(*CHART_SCRIPTS, "history.js"),
        )

    def _leaderboard(self, entries: Sequence[Entry]) -> None:
        self._page(
            "leaderboard.html",
            "leaderboard.html",
            boards=standings(self._run, entries),
            scripts=(),
        )

    def _compare(self) -> None:
        self._page("compare.html", "compare.html", scripts=(*_STAGE_SCRIPTS, "compare.js"))


def _about(run: Run) -> list[tuple[str, str]]:
    source = run.tracking.get("source", {})
    commit = source.get("mlflow.source.git.commit", "")[:12]
    changed = ", with changes" if source.get("nbexp.git_dirty") == "true" else ""
    return [
        ("started", time_text(run.history.started)),
        ("took", duration_text(run.duration_s)),
        ("variants", counts_text(run.history.counts)),
        ("notebooks took", duration_text(sum(stage.duration_s for stage in run.stages))),
        ("code", f"{commit}{changed}" if commit else ""),
        ("MLflow", str(run.tracking.get("run_id", ""))),
    ]


def _about_stage(stage: Stage) -> list[tuple[str, str]]:
    counts = counts_text({v.state: 0 for v in stage.variants} | _counts(stage.variants))
    better = "larger is better" if stage.mode == "max" else "smaller is better"
    return [
        ("variants", f"{counted(len(stage.variants), 'variant')}: {counts}"),
        ("notebook", ", ".join(stage.notebooks)),
        ("metric", f"{stage.metric} ({better})" if stage.metric else ""),
        ("after", ", ".join(stage.sources)),
        ("notebooks took", duration_text(stage.duration_s)),
    ]


def _counts(variants: Sequence[Variant]) -> dict[Any, int]:
    states = [variant.state for variant in variants]
    return {state: states.count(state) for state in states}


def _settings(source: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (name, ", ".join(f"{key} = {each}" for key, each in value.items()))
        if isinstance(value, dict)
        else (name, value)
        for name, value in source.items()
        if name not in ("name", "stages")
    ]


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
