"""The runs of a task, one after another: what each found, and what was changed before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp.files import value_text
from nbexp.runs.finding import list_runs
from nbexp.runs.history import RunHistory, VariantHistory
from nbexp.runs.record import VariantRecord
from nbexp.runs.results import RunResult, best_by_stage
from nbexp.wording import counts_text

_MAX_CHANGES = 12
_MAX_TEXT = 80  # characters


@dataclass(frozen=True)
class TimelineEntry:
    """A run among others.

    Attributes:
        run: The run.
        best: The best variant of each stage and its metric.
        before: The run of the same pipeline before it, if there is one.
        changes: What is different from that, in words.
    """

    run: RunResult
    best: Mapping[tuple[str, str], VariantHistory]
    before: str | None
    changes: tuple[str, ...]

    @property
    def id(self) -> str:
        """Name of the run."""
        return self.run.id

    @property
    def history(self) -> RunHistory:
        """What the run's events tell."""
        return self.run.history

    @property
    def counts(self) -> str:
        """Its variants by state, in words."""
        return counts_text(self.history.counts)

    def value(self, key: tuple[str, str]) -> float | None:
        """Return the best value of a stage's metric, if there is one."""
        return self.best[key].metric if key in self.best else None


def timeline(
    run: RunResult, read: Callable[[Path], RunResult] = RunResult.read
) -> list[TimelineEntry]:
    """Return the runs of the same task that lie beside a run, itself included, oldest first.

    Args:
        run: The run.
        read: Returns another run by its folder.
    """
    entries: list[TimelineEntry] = []
    last: dict[str, RunResult] = {}  # of each pipeline
    for folder in list_runs(run.files.path.parent):
        now = run if folder.id == run.id else read(folder.path)
        if now.task != run.task:
            continue
        history = now.history
        before = last.get(history.pipeline)
        changes = tuple(_changes(before, now)) if before else ()
        best = {
            (stage, history.metrics[stage][0]): variant
            for stage, variant in best_by_stage(history).items()
        }
        entries.append(TimelineEntry(now, best, before.id if before else None, changes))
        last[history.pipeline] = now
    return entries


def metrics_of(entries: Sequence[TimelineEntry]) -> list[tuple[str, str]]:
    """Return the stages that have a best value in any run, with their metrics."""
    return list(dict.fromkeys(key for entry in entries for key in entry.best))


def settings_of(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings of a pipeline by name, such as ``train.params.lr``."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from settings_of(each, f"{name}.{key}" if name else key)
    else:
        yield name.removeprefix("stages."), value


def code_of(run: RunResult) -> dict[str, str]:
    """Return what tells the code and the input files of a run from others, each by its name."""
    found: dict[str, str] = {}
    for path in sorted(run.files.templates.glob("*.ipynb")):
        name, _, code = path.stem.rpartition("-")
        known = found.get(f"{name}.ipynb")
        found[f"{name}.ipynb"] = f"{known}, {code}" if known else code
    for stage in run.history.stages:
        parts = _parts(run, stage)
        found |= {f"module {name}": code[:8] for name, code in parts.get("modules", {}).items()}
        found |= {f"input {name}": code[:8] for name, code in parts.get("inputs", {}).items()}
    return found


def _parts(run: RunResult, stage: str) -> Mapping[str, Any]:
    """Return what the identity of a stage's first variant is made of; empty if none began."""
    folders = (run.files.variant(variant.name) for variant in run.history.of_stage(stage))
    records = (VariantRecord.read(folder) for folder in folders)
    return next((record.parts for record in records if record), {})


def _changes(before: RunResult, now: RunResult) -> Iterator[str]:
    """Yield what is different between two runs, in words; the most telling first."""
    old, new = code_of(before), code_of(now)
    for name in {**old, **new}:
        if name not in old:
            yield f"{name} added"
        elif name not in new:
            yield f"{name} taken out"
        elif old[name] != new[name]:
            yield f"{'content' if name.startswith('input ') else 'code'} of {name}"
    yield from _setting_changes(before, now)
    if before.commit and now.commit and before.commit != now.commit:
        yield f"commit {before.commit} → {now.commit}"


def _setting_changes(before: RunResult, now: RunResult) -> Iterator[str]:
    old, new = dict(settings_of(before.source)), dict(settings_of(now.source))
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    for name in names[:_MAX_CHANGES]:
        if name not in old:
            yield f"{name} = {_short(new[name])} added"
        elif name not in new:
            yield f"{name} taken out"
        else:
            yield f"{name} {_short(old[name])} → {_short(new[name])}"
    if len(names) > _MAX_CHANGES:
        yield f"and {len(names) - _MAX_CHANGES} settings more"


def _short(value: Any) -> str:
    text = value_text(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
