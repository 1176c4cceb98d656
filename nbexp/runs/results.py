"""What a run came to: the run, its stages and its variants, for everyone who looks at them."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbexp.errors import UsageError
from nbexp.files import fit_text, read_json
from nbexp.metrics import Entry, read_metrics
from nbexp.pipeline import Mode
from nbexp.records import fits
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory, read_history
from nbexp.runs.lineage import LineageEvents, lineage_events, reason_of
from nbexp.runs.outcome import Outcome, read_outcome
from nbexp.runs.record import VariantRecord
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State
from nbexp.wording import selection_text

if TYPE_CHECKING:
    import pandas as pd

_LINK = re.compile(r"@([A-Za-z_][\w-]*)")


@dataclass(frozen=True)
class VariantResult:
    """One variant of a run.

    Attributes:
        folder: Its folder, with ``notebook.ipynb`` and ``log.txt``.
        history: What the run's events tell of it.
        record: What was written before it ran, or None.
        outcome: How its execution ended, or None.
    """

    folder: Path
    history: VariantHistory = field(repr=False)
    record: VariantRecord | None = field(repr=False)
    outcome: Outcome | None = field(repr=False)

    @property
    def name(self) -> str:
        """Name of the variant."""
        return self.history.name

    @property
    def stage(self) -> str:
        """Name of its stage."""
        return self.history.stage

    @property
    def state(self) -> State:
        """How it stands, or ended."""
        return self.history.state

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters, as the notebook got them."""
        return self.record.params if self.record else {}

    @property
    def content(self) -> Mapping[str, Any]:
        """Its parameters with hashes in the place of artifacts and notebooks: equal where these
        hold the same, wherever they lie.
        """  # noqa: D205
        return self.record.content if self.record else {}

    @property
    def scraps(self) -> Mapping[str, Any]:
        """What it glued, by name."""
        return self.outcome.scraps if self.outcome else {}

    @property
    def logged(self) -> Mapping[str, float]:
        """The last number that it logged of each name, by nbexp or only to MLflow."""
        reported = self.outcome.reported if self.outcome else {}
        return {name: each.last for name, each in reported.items()}

    @property
    def artifacts(self) -> Mapping[str, str]:
        """Reference of each artifact that it saved, for `nbexp.load`."""
        names = self.outcome.artifacts if self.outcome else ()
        return {name: str(self.files.artifacts / name) for name in names}

    @property
    def metric(self) -> float | None:
        """Value of its stage's metric."""
        return self.history.metric

    @property
    def lineage(self) -> Mapping[str, str]:
        """For each stage that it descends from, the name of the variant."""
        return self.history.lineage

    @property
    def duration_s(self) -> float | None:
        """Seconds that it took."""
        return self.history.duration_s

    @property
    def is_kept(self) -> bool:
        """Whether reduce kept it."""
        return self.history.is_kept

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Kind, message, cell and traceback, if it failed."""
        return self.history.error

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.files.notebook

    @property
    def files(self) -> VariantFolder:
        """All paths of its folder."""
        return VariantFolder(self.folder)

    @property
    def reason(self) -> str:
        """Why it stands as it does, where there is something to say."""
        return reason_of(self.history, self.lineage_events) or self.history.note

    @cached_property
    def lineage_events(self) -> LineageEvents:
        """Where it was paused, and from whom it went on."""
        return lineage_events(RunFolder(self.files.run), self.history)

    def entries(self) -> list[Entry]:
        """Return all that it logged, in order."""
        return read_metrics(self.files.metrics)


@dataclass(frozen=True)
class StageResult:
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
    variants: tuple[VariantResult, ...]
    sources: tuple[str, ...]

    @property
    def best(self) -> VariantResult | None:
        """The variant with the best value of the metric."""
        first = self.variants[0] if self.variants else None
        return first if first is not None and first.metric is not None else None

    @property
    def selection(self) -> str:
        """Of how many variants the best is the best, where others were stopped; else empty."""
        return selection_text(Counter(variant.state for variant in self.variants))

    @property
    def duration_s(self) -> float:
        """Seconds that its variants took, one after another."""
        return sum(each.duration_s or 0.0 for each in self.variants)


@dataclass(frozen=True)
class RunResult:
    """A run, as its folder tells of it; what lies in its files is read when it is asked for.

    Attributes:
        folder: Its folder.
        history: What its events tell.
    """

    folder: Path
    history: RunHistory = field(repr=False)

    @classmethod
    def read(cls, folder: str | Path) -> RunResult:
        """Return the run that lies in a folder.

        Raises:
            UsageError: There is no run in it.
        """
        run = RunFolder(Path(folder))
        if not run.exists:
            raise UsageError(f"There is no run in {folder}; runs lie in runs/ beside a pipeline.")
        return cls(run.path, read_history(run))

    @property
    def id(self) -> str:
        """Name of the run."""
        return self.folder.name

    @property
    def files(self) -> RunFolder:
        """All paths of its folder."""
        return RunFolder(self.folder)

    @property
    def state(self) -> State:
        """`State.FINISHED`, `FAILED` or `STOPPED`; `RUNNING` or `PAUSED` while it goes on."""
        return run_state(self.history)

    @property
    def duration_s(self) -> float | None:
        """Seconds that it took, or has taken so far; None where it was cut off."""
        return run_duration_s(self.history)

    @cached_property
    def source(self) -> Mapping[str, Any]:
        """The pipeline, as it was written down."""
        return _table(self.files.pipeline, {"stages": dict[str, _Settings]})

    @cached_property
    def tracking(self) -> Mapping[str, Any]:
        """Where it is tracked, and the state of the code."""
        return _table(self.files.tracking, {"source": dict[str, str]})

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

    @cached_property
    def variants(self) -> tuple[VariantResult, ...]:
        """Its variants, in order."""
        return tuple(map(self.variant, self.history.variants))

    @cached_property
    def stages(self) -> tuple[StageResult, ...]:
        """Its stages, in order."""
        return tuple(map(self.stage_result, self.history.stages))

    @cached_property
    def failures(self) -> list[VariantResult]:
        """The variants that failed."""
        return [each for stage in self.stages for each in stage.variants if each.state.is_failure]

    def variant(self, name: str) -> VariantResult:
        """Return a variant by its name.

        Raises:
            KeyError: There is none.
        """
        history, folder = self.history.variants[name], self.files.variant(name)
        record, outcome = VariantRecord.read(folder), read_outcome(folder)
        return VariantResult(folder.path, history, record, outcome)

    def stage(self, name: str) -> tuple[VariantResult, ...]:
        """Return the variants of a stage, in order."""
        return tuple(variant for variant in self.variants if variant.stage == name)

    def stage_result(self, name: str) -> StageResult:
        """Return what a stage came to."""
        source = self.source.get("stages", {}).get(name, {})
        metric, mode = self.history.metrics.get(name, ("", Mode.MAX))
        ordered = best_first(self.history.of_stage(name), Mode(mode))
        others = [other for other in self.history.stages if other != name]
        named = {*_linked(source), *source.get("after", ())}
        return StageResult(
            name,
            metric,
            Mode(mode),
            tuple(_notebooks(source.get("notebook"))),
            tuple(self.variant(each.name) for each in ordered),
            tuple(other for other in others if other in named),
        )

    def dataframe(self, stage: str | None = None) -> pd.DataFrame:
        """Return a table with a row a variant; its columns are ``variant``, ``stage``, ``state``,
        ``metric``, ``duration_s``, ``params.NAME``, ``scraps.NAME`` and, of what it logged and did
        not glue, ``logged.NAME``. Whole numbers stay whole where some are missing (pandas'
        ``Int64``).

        Args:
            stage: Name of a stage, for its variants alone; all by default.
        """  # noqa: D205
        import pandas as pd

        rows = [
            {
                "variant": v.name,
                "stage": v.stage,
                "state": v.state.value,
                "metric": v.metric,
                "duration_s": v.duration_s,
                **_columns("params", v.params),
                **_columns("scraps", v.scraps),
                **_columns("logged", {k: x for k, x in v.logged.items() if k not in v.scraps}),
            }
            for v in (self.variants if stage is None else self.stage(stage))
        ]
        frame = pd.DataFrame(rows)
        for name in frame.columns[frame.isna().any()]:
            given = [row[name] for row in rows if row.get(name) is not None]
            if given and all(type(value) is int for value in given):
                frame[name] = frame[name].astype("Int64")
        return frame


def _columns(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the names of their columns; texts as pandas can hold them."""
    return {
        fit_text(f"{kind}.{key}"): fit_text(value) if isinstance(value, str) else value
        for key, value in values.items()
    }


def run_state(history: RunHistory) -> State:
    """Return the state of a run, also of one that goes on."""
    return history.state or (State.PAUSED if history.is_paused else State.RUNNING)


def run_duration_s(history: RunHistory) -> float | None:
    """Return the seconds that a run took, or has taken so far; None where it was cut off."""
    if not history.started:
        return None
    if history.ended is not None:
        return history.ended - history.started
    return time.time() - history.started if history.state is None else None


def best_first(variants: list[VariantHistory], mode: Mode) -> list[VariantHistory]:
    """Return variants by their metric; those without one last, in the order given."""
    sign = -1.0 if mode is Mode.MAX else 1.0
    return sorted(variants, key=lambda v: (v.metric is None, sign * (v.metric or 0.0)))


def best_by_stage(history: RunHistory) -> dict[str, VariantHistory]:
    """Return the best variant of each stage that has a metric."""
    found = {}
    for stage, (_, mode) in history.metrics.items():
        known = [v for v in history.of_stage(stage) if v.metric is not None]
        if known:
            found[stage] = best_first(known, Mode(mode))[0]
    return found


def flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return parameters by name; those in tables as ``optimizer.lr``."""
    found: dict[str, Any] = {}
    for key, value in params.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
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
    """The types of a stage's settings, as far as they are read."""

    notebook: str | Mapping[str, list[Any]] | None = None
    after: list[str] = field(default_factory=list)


def _table(path: Path, form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table in a file; an empty one for a file that has not its form."""
    try:
        table = read_json(path)
    except (OSError, ValueError):
        return {}
    return dict(table) if fits(table, form) else {}
