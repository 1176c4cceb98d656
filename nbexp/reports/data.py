"""What a report tells of a run, read from its folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nbexp.display import Failed, alike
from nbexp.files import read_json
from nbexp.metrics import Entry, read_metrics
from nbexp.pipeline import Mode
from nbexp.records import fits
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory, read_history
from nbexp.runs.lineage import LineageEvents, lineage_events, reason_of
from nbexp.runs.outcome import Outcome, read_outcome
from nbexp.runs.record import VariantRecord
from nbexp.runs.results import best_first, run_duration_s, run_state
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State
from nbexp.wording import selection_text

_LINK = re.compile(r"@([A-Za-z_][\w-]*)")


@dataclass(frozen=True)
class VariantData:
    """A variant, with all that is known of it.

    Attributes:
        history: What the run's events tell.
        folder: Its folder.
        record: What was written before it ran, or None.
        outcome: How it ended, or None.
        lineage_events: Where it was paused, and from whom it went on.
    """

    history: VariantHistory
    folder: Path
    record: VariantRecord | None
    outcome: Outcome | None
    lineage_events: LineageEvents

    @property
    def name(self) -> str:
        """Name of the variant."""
        return self.history.name

    @property
    def state(self) -> State:
        """Its state."""
        return self.history.state

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters, as the notebook got them."""
        return self.record.params if self.record else {}

    @property
    def content(self) -> Mapping[str, Any]:
        """Its parameters by name, with hashes in the place of artifacts and notebooks."""
        return _flat_like(self.params, self.record.content) if self.record else {}

    @property
    def scraps(self) -> Mapping[str, Any]:
        """What it glued."""
        return self.outcome.scraps if self.outcome else {}

    @property
    def reason(self) -> str:
        """Why it stands as it does, where there is something to say."""
        return reason_of(self.history, self.lineage_events) or self.history.note

    @property
    def notebook(self) -> Path | None:
        """Its notebook, if there is one."""
        path = VariantFolder(self.folder).notebook
        return path if path.is_file() else None

    def logged(self) -> list[Entry]:
        """Return all that it logged."""
        return read_metrics(VariantFolder(self.folder).metrics)


@dataclass(frozen=True)
class StageData:
    """A stage of a run.

    Attributes:
        name: Its name.
        metric: What its variants are compared by, or an empty text.
        mode: Whether larger or smaller is better.
        notebooks: Its templates, as the pipeline names them.
        variants: Its variants, the best first.
        sources: The stages that it links to, or comes after.
    """

    name: str
    metric: str
    mode: Mode
    notebooks: tuple[str, ...]
    variants: tuple[VariantData, ...]
    sources: tuple[str, ...]

    @property
    def best(self) -> VariantData | None:
        """The variant with the best value of the metric."""
        first = self.variants[0] if self.variants else None
        return first if first is not None and first.history.metric is not None else None

    @property
    def selection(self) -> str:
        """Of how many variants the best is the best, where others were stopped; else empty."""
        return selection_text(Counter(variant.state for variant in self.variants))

    @property
    def duration_s(self) -> float:
        """Seconds that its variants took, one after another."""
        return sum(each.history.duration_s or 0.0 for each in self.variants)


@dataclass(frozen=True)
class RunData:
    """A run.

    Attributes:
        folder: Its folder.
        history: What its events tell.
        source: The pipeline, as it was written down.
        tracking: Where it is tracked, and the state of the code.
    """

    folder: RunFolder
    history: RunHistory
    source: Mapping[str, Any]
    tracking: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> RunData:
        """Read a run from its folder."""
        folder = RunFolder(path)
        return cls.of(folder, read_history(folder))

    @classmethod
    def of(cls, folder: RunFolder, history: RunHistory) -> RunData:
        """Return a run whose events have been read."""
        source, tracking = (_table(folder.path / f"{n}.json", _FORMS[n]) for n in _FORMS)
        return cls(folder, history, source, tracking)

    @property
    def id(self) -> str:
        """Name of the run."""
        return self.folder.id

    @property
    def task(self) -> str:
        """What it is to solve; the pipeline's name if nothing else is said."""
        return str(self.source.get("task") or self.history.pipeline)

    @property
    def commit(self) -> str:
        """The commit of its code, and whether that was changed; empty where there is none."""
        source = self.tracking.get("source", {})
        commit = source.get("mlflow.source.git.commit", "")[:12]
        changed = ", with changes" if source.get("nbexp.git_dirty") == "true" else ""
        return f"{commit}{changed}" if commit else ""

    @property
    def state(self) -> State:
        """Its state."""
        return run_state(self.history)

    @property
    def duration_s(self) -> float | None:
        """Seconds that it took, if that is known."""
        return run_duration_s(self.history)

    @cached_property
    def stages(self) -> tuple[StageData, ...]:
        """Its stages, in order."""
        return tuple(self.stage(name) for name in self.history.stages)

    @cached_property
    def failures(self) -> list[VariantData]:
        """The variants that failed."""
        every = (variant for stage in self.stages for variant in stage.variants)
        return [variant for variant in every if variant.state.is_failure]

    @cached_property
    def failed_alike(self) -> list[tuple[VariantData, list[VariantData], list[VariantData]]]:
        """Those that failed alike: one of them, the same as it, and others at the same place."""
        known = {variant.name: variant for variant in self.failures}
        groups = alike(Failed.of(variant.history) for variant in self.failures)
        return [
            (
                known[group.first.name],
                [known[each.name] for each in group.same],
                [known[each.name] for each in group.others],
            )
            for group in groups
        ]

    def stage(self, name: str) -> StageData:
        """Return a stage."""
        source = self.source.get("stages", {}).get(name, {})
        metric, mode = self.history.metrics.get(name, ("", Mode.MAX))
        ordered = best_first(self.history.of_stage(name), Mode(mode))
        others = [other for other in self.history.stages if other != name]
        named = {*_linked(source), *source.get("after", ())}
        return StageData(
            name,
            metric,
            Mode(mode),
            tuple(_notebooks(source.get("notebook"))),
            tuple(map(self.variant, ordered)),
            tuple(other for other in others if other in named),
        )

    def variant(self, history: VariantHistory) -> VariantData:
        """Return a variant whose events have been read."""
        folder = self.folder.variant(history.name)
        record, outcome = VariantRecord.read(folder), read_outcome(folder)
        return VariantData(
            history, folder.path, record, outcome, lineage_events(self.folder, history)
        )


def flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return parameters by name; those in tables as ``optimizer.lr``."""
    found: dict[str, Any] = {}
    for key, value in params.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _flat_like(params: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content by the names that `flat` gives parameters."""
    found: dict[str, Any] = {}
    for key, value in params.items():
        if isinstance(value, dict) and value and isinstance(content[key], dict):
            inner = _flat_like(value, content[key])
            found |= {f"{key}.{name}": each for name, each in inner.items()}
        else:
            found[key] = content[key]
    return found


def _linked(value: Any) -> Iterator[str]:
    """Yield the stages that a stage's settings link to."""
    if isinstance(value, str) and (found := _LINK.match(value)):
        yield found[1]
    elif isinstance(value, dict):
        for each in value.values():
            yield from _linked(each)
    elif isinstance(value, list):
        for each in value:
            yield from _linked(each)


def _notebooks(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [str(each) for each in value.get("grid", ())] if isinstance(value, dict) else []


@dataclass(frozen=True)
class _Settings:
    """The types of a stage's settings, as far as a report reads them."""

    notebook: str | Mapping[str, list[Any]] | None = None
    after: list[str] = field(default_factory=list)


_FORMS: dict[str, Mapping[str, Any]] = {
    "pipeline": {"stages": dict[str, _Settings]},
    "tracking": {"source": dict[str, str]},
}


def _table(path: Path, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table in a file; an empty one for a file that has not its form."""
    try:
        table = read_json(path)
    except (OSError, ValueError):
        return {}
    return dict(table) if fits(table, form) else {}
