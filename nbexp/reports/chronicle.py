"""All runs of a pipeline, one after another: what each found, and what was changed before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbexp.files import to_json
from nbexp.reports.data import Run
from nbexp.results import best_by_stage, run_duration_s, run_state
from nbexp.run import RunFolder, RunHistory, list_runs, read_history
from nbexp.states import State
from nbexp.wording import counts_text

_MAX_CHANGES = 12
_MAX_TEXT = 80  # characters


@dataclass(frozen=True)
class Entry:
    """A run among others.

    Attributes:
        id: Name of the run.
        folder: Its folder.
        history: What its events tell.
        best: The best value of each stage's metric.
        changes: What is different from the run before, in words.
    """

    id: str
    folder: RunFolder
    history: RunHistory
    best: Mapping[tuple[str, str], float | None]
    changes: tuple[str, ...]

    @property
    def state(self) -> State:
        """Its state."""
        return run_state(self.history)

    @property
    def started(self) -> float:
        """Seconds since 1970."""
        return self.history.started

    @property
    def duration_s(self) -> float | None:
        """Seconds that it took, if that is known."""
        return run_duration_s(self.history)

    @property
    def counts(self) -> str:
        """Its variants by state, in words."""
        return counts_text(self.history.counts)


def chronicle(run: Run) -> list[Entry]:
    """Return the runs of the same pipeline that lie beside a run, itself included, oldest first."""
    entries: list[Entry] = []
    before: Run | None = None
    for folder in list_runs(run.folder.path.parent):
        history = run.history if folder.id == run.id else read_history(folder)
        if history.pipeline != run.history.pipeline:
            continue
        now = Run.of(folder, history)
        changes = tuple(_changes(before, now)) if before else ()
        best = {
            (stage, history.metrics[stage][0]): variant.metric
            for stage, variant in best_by_stage(history).items()
        }
        entries.append(Entry(folder.id, folder, history, best, changes))
        before = now
    return entries


def metrics_of(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Return the stages that have a best value in any run, with their metrics."""
    return list(dict.fromkeys(key for entry in entries for key in entry.best))


def _changes(before: Run, now: Run) -> Iterator[str]:
    """Yield what is different between two runs, in words; the most telling first."""
    yield from _code_changes(before, now)
    old, new = dict(_leaves(before.source)), dict(_leaves(now.source))
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
    old, new = _templates(before), _templates(now)
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            yield f"code of {name}.ipynb"


def _templates(run: Run) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted((run.folder.path / "templates").glob("*.ipynb")):
        name, _, code = path.stem.rpartition("-")
        found.setdefault(name, set()).add(code)
    return found


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _leaves(each, f"{name}.{key}" if name else key)
    else:
        yield name.removeprefix("stages."), value


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else to_json(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"
