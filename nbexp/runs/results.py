"""The results of a run, as objects and as a table."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbexp.errors import UsageError
from nbexp.files import fit_text
from nbexp.pipeline import Mode
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory, read_history
from nbexp.runs.outcome import read_outcome
from nbexp.runs.record import VariantRecord
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class VariantResult:
    """One variant of a run.

    Attributes:
        name: Name of the variant.
        stage: Name of its stage.
        state: How it ended.
        params: Its parameters, as the notebook got them.
        content: Its parameters with hashes in the place of artifacts and notebooks: equal where
            these hold the same, wherever they lie.
        scraps: What it glued, by name.
        logged: The last number that it logged of each name, by nbexp or only to MLflow.
        artifacts: Reference of each artifact that it saved, for `nbexp.load`.
        metric: Value of its stage's metric.
        lineage: For each stage that it descends from, the name of the variant.
        duration_s: Seconds that it took.
        folder: Its folder, with ``notebook.ipynb`` and ``log.txt``.
        is_kept: Whether reduce kept it.
        error: Kind, message, cell and traceback, if it failed.
    """

    name: str
    stage: str
    state: State
    params: Mapping[str, Any]
    content: Mapping[str, Any]
    scraps: Mapping[str, Any]
    logged: Mapping[str, float]
    artifacts: Mapping[str, str]
    metric: float | None
    lineage: Mapping[str, str]
    duration_s: float | None
    folder: Path
    is_kept: bool
    error: Mapping[str, Any] | None

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return VariantFolder(self.folder).notebook


@dataclass(frozen=True)
class RunResult:
    """A run, as its folder tells of it.

    Attributes:
        id: Name of the run.
        folder: Its folder.
        state: `State.FINISHED`, `FAILED` or `STOPPED`; `RUNNING` while it goes on.
        history: What its events tell.
    """

    id: str
    folder: Path
    state: State
    history: RunHistory = field(repr=False)

    @cached_property
    def variants(self) -> tuple[VariantResult, ...]:
        """Its variants, in order; their files are read when they are first asked for."""
        run = RunFolder(self.folder)
        return tuple(_variant_result(run, each) for each in self.history.variants.values())

    @classmethod
    def read(cls, folder: str | Path) -> RunResult:
        """Return the run that lies in a folder.

        Raises:
            UsageError: There is no run in it.
        """
        folder = Path(folder)
        run = RunFolder(folder)
        if not run.exists:
            raise UsageError(f"There is no run in {folder}; runs lie in runs/ beside a pipeline.")
        return cls.of(run, read_history(run))

    @classmethod
    def of(cls, folder: RunFolder, history: RunHistory) -> RunResult:
        """Return what a run came to whose events have been read."""
        return cls(folder.id, folder.path, history.state or State.RUNNING, history)

    def variant(self, name: str) -> VariantResult:
        """Return a variant by its name; only its files are read.

        Raises:
            KeyError: There is none.
        """
        return _variant_result(RunFolder(self.folder), self.history.variants[name])

    def stage(self, name: str) -> tuple[VariantResult, ...]:
        """Return the variants of a stage."""
        return tuple(variant for variant in self.variants if variant.stage == name)

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


def _variant_result(run: RunFolder, variant: VariantHistory) -> VariantResult:
    folder = run.variant(variant.name)
    record, outcome = VariantRecord.read(folder), read_outcome(folder)
    names = outcome.artifacts if outcome else ()
    return VariantResult(
        name=variant.name,
        stage=variant.stage,
        state=variant.state,
        params=record.params if record else {},
        content=record.content if record else {},
        scraps=outcome.scraps if outcome else {},
        logged={k: each.last for k, each in outcome.reported.items()} if outcome else {},
        artifacts={name: str(folder.artifacts / name) for name in names},
        metric=variant.metric,
        lineage=variant.lineage,
        duration_s=variant.duration_s,
        folder=folder.path,
        is_kept=variant.is_kept,
        error=variant.error,
    )


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
