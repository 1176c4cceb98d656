"""The Python API: pipelines from files or built in code, planned and run.

This module puts the rooms together; each of them knows only its neighbours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from nbexp.display import told
from nbexp.errors import RunError, UsageError, did_you_mean
from nbexp.launch import Launch
from nbexp.machine import check_inline, check_machine, check_searches
from nbexp.pipeline import Pipeline as Spec
from nbexp.pipeline import build_pipeline, read_pipeline, untagged
from nbexp.plan import (
    Graph,
    Identified,
    OpenSearch,
    Plan,
    PlannedStage,
    Result,
    make_plan,
    stages_needed,
)
from nbexp.run import (
    Cluster,
    ClusterSettings,
    InlineWorkers,
    PastResults,
    Pool,
    RunIndex,
    cluster_address,
    expected_overlap,
    read_search,
    search_name,
)
from nbexp.runs.events import Listener
from nbexp.runs.finding import list_runs
from nbexp.runs.results import RunResult
from nbexp.runs.variant_folder import RUNS
from nbexp.tracking import LazyTracker

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """A stage of a pipeline built in code; its fields are the keys of the pipeline format.

    Attributes:
        name: Name of the stage.
        notebook: Path of the template, or `grid` of several.
        params: Parameters: values, links such as ``"@prepare.data"``, `grid` and distributions.
        variants: Explicit cases, each laid over `params`.
        metric: Scrap by which variants are compared.
        mode: ``"max"`` or ``"min"``.
        keep: How many variants go on to later stages: a number, or a fraction below 1.
        score: Which reported value of the metric counts: ``"best"`` or ``"last"``.
        samples: Draws or suggestions for each grid point; laid over those of `search`.
        search: How values are chosen, such as ``{"algorithm": "optuna", "samples": 20}``.
        scheduler: What stops variants early: ``"asha"``, or ``{"type": "asha", "max_t": 20}``.
        resources: Such as ``{"cpu": 1, "gpu": 0.5, "memory": "4GiB"}``.
        timeout: Such as ``"30m"``, or seconds.
        retries: How often a failed variant is run again.
        after: Names of stages that must have ended before.
        inputs: Files whose content is part of the identity.
        kernel: Name of the kernel.
        warm: Whether its kernels may be forked from a process that has their imports done.
        observe: Whether what its notebooks use is recorded, and has to be the same for reuse.
        cwd: Where its kernels start: ``"template"``, ``"variant"`` or a folder.

    Example:
        >>> import nbexp
        >>> stage = nbexp.Stage(
        ...     "train", "templates/train_digits.ipynb", metric="val_accuracy", keep=1, samples=2,
        ...     params={"data": "@prepare.data", "lr": nbexp.loguniform(1e-3, 1e-1)},
        ... )
    """

    name: str
    notebook: Any
    params: Mapping[str, Any] | None = None
    variants: Sequence[Mapping[str, Any]] | None = None
    metric: str | None = None
    mode: str | None = None
    keep: int | float | None = None
    score: str | None = None
    samples: int | None = None
    search: Mapping[str, Any] | None = None
    scheduler: str | Mapping[str, Any] | None = None
    resources: Mapping[str, Any] | None = None
    timeout: str | float | None = None
    retries: int | None = None
    after: Sequence[str] | None = None
    inputs: Sequence[str | Path] | None = None
    kernel: str | None = None
    warm: bool | None = None
    observe: bool | None = None
    cwd: str | Path | None = None

    def to_table(self) -> dict[str, Any]:
        """Return the stage as a table of the pipeline format."""
        table = {key: getattr(self, key) for key in self.__dataclass_fields__}
        reduce = {"keep": table.pop("keep"), "score": table.pop("score")}
        samples = table.pop("samples")
        del table["name"]
        if isinstance(self.notebook, Path):
            table["notebook"] = str(self.notebook)
        if isinstance(self.cwd, Path):
            table["cwd"] = str(self.cwd)
        if self.inputs is not None:
            table["inputs"] = [str(path) for path in self.inputs]
        table["reduce"] = {k: v for k, v in reduce.items() if v is not None} or None
        if samples is not None and isinstance(self.search, Mapping | None):
            table["search"] = {**(self.search or {}), "samples": samples}
        return {key: value for key, value in table.items() if value is not None}


class Pipeline:
    """A pipeline that can be planned and run.

    Args:
        name: Name of the pipeline.
        stages: Its stages.
        params: Values for all stages, linked as ``"@params.NAME"``.
        defaults: Settings for all stages.
        task: What it is to solve, where other pipelines are, too: they share leaderboards.
        seed: Seed of every draw.
        environment: Packages and variables, as in the pipeline format.
        tracking: MLflow's uri and experiment, as in the pipeline format.
        report: Whether a run writes its report when it ends.
        folder: Folder that paths start from and that ``runs/`` lies in; the current one by default.

    Raises:
        PipelineError: There are mistakes in it; it holds all of them.

    Example:
        >>> import nbexp
        >>> prepare = nbexp.Stage("prepare", "templates/prepare_digits.ipynb")
        >>> train = nbexp.Stage(
        ...     "train", "templates/train_digits.ipynb",
        ...     params={"data": "@prepare.data", "lr": nbexp.grid([0.01, 0.1])},
        ... )
        >>> pipeline = nbexp.Pipeline("digits", [prepare, train])
        >>> [(stage.name, len(stage.variants)) for stage in pipeline.plan().stages]
        [('prepare', 1), ('train', 2)]

        ``pipeline.run()`` runs it, and returns a `RunResult`.
    """

    def __init__(  # noqa: PLR0913 - the keys of the pipeline format
        self,
        name: str,
        stages: Iterable[Stage],
        *,
        params: Mapping[str, Any] | None = None,
        defaults: Mapping[str, Any] | None = None,
        task: str | None = None,
        seed: int = 0,
        environment: Mapping[str, Any] | None = None,
        tracking: Mapping[str, Any] | None = None,
        report: bool = False,
        folder: str | Path = ".",
    ) -> None:
        tables = {
            "name": name,
            **({"task": task} if task is not None else {}),
            "seed": seed,
            "params": params or {},
            "defaults": defaults or {},
            "environment": environment or {},
            "tracking": tracking or {},
            "report": report,
            "stages": {stage.name: stage.to_table() for stage in stages},
        }
        self.spec: Spec = build_pipeline(tables, folder=Path(folder))

    @classmethod
    def from_toml(cls, path: str | Path, *, sets: Iterable[str] = ()) -> Pipeline:
        """Return the pipeline in a file.

        Args:
            path: The TOML file.
            sets: Values to lay over it, each as ``stage.param=VALUE`` with a TOML value.

        Raises:
            PipelineError: There are mistakes in it; it holds all of them.
        """
        pipeline = cls.__new__(cls)
        pipeline.spec = read_pipeline(Path(path), sets=tuple(sets))
        return pipeline

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        return self.spec.name

    def plan(self, *, only: Iterable[str] = (), fresh: bool = False) -> Plan:
        """Return what a run would do; nothing is run or written.

        Args:
            only: Stages to run, with those they need; all by default.
            fresh: Whether everything would be executed, whatever ran before.

        Raises:
            PipelineError: No node has the resources of a stage.
            UsageError: There is no such stage.
        """
        stages = _stages(self.spec, only)
        check_machine(self.spec, stages, is_local=cluster_address() is None)
        check_searches(self.spec, stages)
        plan = _plan(self.spec, stages, fresh=fresh)
        return replace(plan, stages=tuple(map(self._warned, plan.stages)))

    def _warned(self, planned: PlannedStage) -> PlannedStage:
        """Return a stage as planned, with what its template and earlier runs warn of."""
        stage = self.spec.stages[planned.name]
        warnings = [untagged(stage)]
        if len(planned.variants) + planned.to_suggest > 1 or planned.is_open:
            runs = (run.path for run in reversed(list_runs(self.spec.folder)))
            warnings.append(expected_overlap(stage, runs))
        return replace(planned, warning="; ".join(filter(None, warnings)))

    def run(  # noqa: PLR0913 - the options of the command
        self,
        *,
        only: Iterable[str] = (),
        fresh: bool = False,
        warm: bool = True,
        inline: bool = False,
        progress: bool | Callable[[str], object] = True,
        listeners: Iterable[Listener] = (),
    ) -> RunResult:
        """Run the pipeline to its end.

        The first Ctrl-C stops the run gracefully, the second at once.

        Args:
            only: Stages to run, with those they need; all by default.
            fresh: Whether everything is executed, whatever ran before.
            warm: Whether kernels may be forked from processes that have their imports done.
            inline: Whether notebooks run one after another in this process, without Ray, so that
                breakpoints stop in it; their results are not used by later runs. After a failure,
                ``pdb.pm()`` and IPython's ``%debug`` look into it.
            progress: What is done with the lines that tell how the run goes: True prints them,
                False does without, and a function is called with each, such as ``log.info``.
            listeners: Who is told what happens.

        Raises:
            PipelineError: No node has the resources of a stage.
            UsageError: There is no such stage.
            RunError: Ray or MLflow can't be used.
        """
        stages = _stages(self.spec, only)
        settings = ClusterSettings() if inline else ClusterSettings.from_environment()
        check_machine(self.spec, stages, is_local=settings.address is None)
        if inline:
            check_inline(self.spec, stages)
        check_searches(self.spec, stages)
        spec = self.spec if warm else _without_warmth(self.spec)
        with told(progress, spec.folder / RUNS) as telling:
            heard = (*telling, *listeners)
            workers = InlineWorkers() if inline else Pool(Cluster(settings))
            return Launch(spec, stages, fresh=fresh, workers=workers, listeners=heard).run()


def _without_warmth(spec: Spec) -> Spec:
    stages = {name: replace(stage, warm=False) for name, stage in spec.stages.items()}
    return replace(spec, stages=stages)


def _stages(spec: Spec, only: Iterable[str]) -> set[str]:
    wanted = list(only)
    for name in wanted:
        if name not in spec.stages:
            raise UsageError(f"There is no stage {name!r}. {did_you_mean(name, spec.stages)}")
    return stages_needed(spec, wanted) if wanted else set(spec.stages)


def _plan(spec: Spec, stages: set[str], *, fresh: bool) -> Plan:
    graph = Graph(spec, stages)
    index, tracker = RunIndex(spec.folder / RUNS), LazyTracker(spec)
    past = PastResults(graph, index)

    def elsewhere(keys: Collection[str]) -> Mapping[str, Sequence[Path]]:
        try:
            return tracker.find(keys)
        except RunError as error:
            _log.warning("what ran elsewhere can't be looked up: %s", error)
            return {}

    def lookup(identified: Sequence[Identified]) -> dict[str, Result]:
        found = {} if fresh else past.find(identified, elsewhere)
        results = {}
        for each in identified:
            variant = each.node.variant
            if known := next(past.usable(each, found), None):
                outcome, folder = known.outcome, known.folder
                results[variant.name] = Result(variant, each.resolved, outcome, folder)
        return results

    def recorded(search: OpenSearch) -> Sequence[Mapping[str, Any]]:
        runs = [run.path for run in reversed(list_runs(spec.folder))]
        return [] if fresh else read_search(runs, search_name(search, graph))[1]

    index.refresh()
    try:
        took = partial(index.took, spec.name)
        return make_plan(graph, lookup, took, recorded, past.changed)
    finally:
        index.close()
        tracker.close()
