"""The runs of a task, one after another: what each found, and what was changed before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp.files import to_json
from nbexp.reports.data import Run
from nbexp.results import best_by_stage
from nbexp.run import RunHistory, VariantHistory, list_runs
from nbexp.wording import counts_text

_MAX_CHANGES = 12
_MAX_TEXT = 80  # characters


@dataclass(frozen=True)
class Entry:
    """A run among others.

    Attributes:
        run: The run.
        best: The best variant of each stage and its metric.
        before: The run of the same pipeline before it, if there is one.
        changes: What is different from that, in words.
    """

    run: Run
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


def chronicle(run: Run, read: Callable[[Path], Run] = Run.read) -> list[Entry]:
    """Return the runs of the same task that lie beside a run, itself included, oldest first.

    Args:
        run: The run.
        read: Returns another run by its folder.
    """
    entries: list[Entry] = []
    last: dict[str, Run] = {}  # of each pipeline
    for folder in list_runs(run.folder.path.parent):
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
        entries.append(Entry(now, best, before.id if before else None, changes))
        last[history.pipeline] = now
    return entries


def metrics_of(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Return the stages that have a best value in any run, with their metrics."""
    return list(dict.fromkeys(key for entry in entries for key in entry.best))


def settings_of(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings of a pipeline by name, such as ``train.params.lr``."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from settings_of(each, f"{name}.{key}" if name else key)
    else:
        yield name.removeprefix("stages."), value


def templates(run: Run) -> dict[str, set[str]]:
    """Return what names the code of each template that a run executed, by its name."""
    found: dict[str, set[str]] = {}
    for path in sorted((run.folder.path / "templates").glob("*.ipynb")):
        name, _, code = path.stem.rpartition("-")
        found.setdefault(name, set()).add(code)
    return found


def _changes(before: Run, now: Run) -> Iterator[str]:
    """Yield what is different between two runs, in words; the most telling first."""
    yield from _code_changes(before, now)
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


def _code_changes(before: Run, now: Run) -> Iterator[str]:
    """Yield the templates whose code changed: their copies are named by it."""
    old, new = templates(before), templates(now)
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            yield f"code of {name}.ipynb"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else to_json(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
