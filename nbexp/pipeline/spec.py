"""The pipeline as values: frozen, and wholly checked once `nbexp.pipeline.read` returns it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from nbexp.pipeline.links import Link
from nbexp.pipeline.values import Secret, leaves
from nbexp.source.templates import Template

TEMPLATE, VARIANT = "template", "variant"  # where kernels start, if not in a path


class Mode(StrEnum):
    """Whether larger or smaller values of a metric are better."""

    MAX = "max"
    MIN = "min"


@dataclass(frozen=True)
class Resources:
    """What one variant needs while it runs, in Ray's units.

    Attributes:
        cpu: Processor cores.
        gpu: GPUs; a fraction shares one.
        memory: Bytes; None leaves it to Ray.
        custom: Custom Ray resources, by name.
    """

    cpu: float = 1.0
    gpu: float = 0.0
    memory: int | None = None
    custom: tuple[tuple[str, float], ...] = ()

    def needs(self) -> dict[str, float]:
        """Return the amounts by Ray's names of resources."""
        amounts = {"CPU": self.cpu, "GPU": self.gpu, "memory": float(self.memory or 0)}
        return {name: n for name, n in (amounts | dict(self.custom)).items() if n}

    def fits(self, node: Mapping[str, float]) -> bool:
        """Whether a node with these resources could run a variant."""
        return all(node.get(name, 0) >= amount for name, amount in self.needs().items())


@dataclass(frozen=True)
class SearchSpec:
    """How values are chosen from the distributions of a stage.

    Attributes:
        algorithm: ``random``: independent draws. ``optuna``, ``hyperopt``, ``bayesopt``, ``bohb``
            or the import path of a Tune `Searcher`: suggestions that learn from results.
        samples: Draws for each grid point, or suggestions of each search.
        concurrent: Suggestion number n is made once the results of all up to n - concurrent are
            known, so that the same seed gives the same suggestions however long each takes.
        warm_start: Whether what earlier runs of the stage found is told to the algorithm.
        options: Settings of the algorithm itself, by name.
    """

    algorithm: str = "random"
    samples: int = 1
    concurrent: int = 4
    warm_start: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_adaptive(self) -> bool:
        """Whether suggestions depend on results."""
        return self.algorithm != "random"


@dataclass(frozen=True)
class SchedulerSpec:
    """What stops, pauses or alters variants while they run, by what they report.

    Attributes:
        type: ``asha``, ``hyperband``, ``median``, ``pbt``, ``bohb``, or the import path of a Tune
            `TrialScheduler`.
        options: Settings of the scheduler itself, by name; leaves may be search spaces.
    """

    type: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alters(self) -> bool:
        """Whether it may change a variant's parameters, so that its result hangs on others'."""
        return self.type not in ("asha", "hyperband", "median", "bohb")


class Score(StrEnum):
    """Which of the values that a variant reported of its metric counts."""

    LAST = "last"
    BEST = "best"


@dataclass(frozen=True)
class Stage:
    """A template with its parameters in a pipeline.

    Attributes:
        name: Name of the stage.
        templates: The notebook, or several where the template itself is a grid.
        params: Values as written; leaves may be links, secrets and search spaces.
        cases: Explicit cases, each laid over `params`; empty for none.
        metric: Name of the scrap by which variants are compared.
        mode: Whether larger or smaller is better.
        keep: How many variants go on to later stages: a number, or a fraction of those that
            succeeded (a float below 1, rounded up); None for all.
        score: Which reported value of the metric counts.
        search: How values are chosen from distributions.
        scheduler: What stops or alters variants while they run, if anything.
        resources: What one variant needs.
        timeout_s: Seconds that one variant may take; None for no limit.
        retries: How often a variant that failed is run again.
        after: Stages that must have ended before this one starts.
        inputs: Files whose content is part of the identity.
        kernel: Name of the kernel, or None for the template's own.
        warm: Whether its kernels may be forked from a process that has their imports done.
        observe: Whether what its notebooks use is recorded, and has to be the same for reuse.
        cwd: Where its kernels start: `TEMPLATE` (the template's folder), `VARIANT` (a folder of
            the variant's own), or a path from the pipeline's folder.
    """

    name: str
    templates: tuple[Template, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    cases: tuple[Mapping[str, Any], ...] = ()
    metric: str | None = None
    mode: Mode = Mode.MAX
    keep: int | float | None = None
    score: Score = Score.LAST
    search: SearchSpec = SearchSpec()
    scheduler: SchedulerSpec | None = None
    resources: Resources = Resources()
    timeout_s: float | None = None
    retries: int = 0
    after: tuple[str, ...] = ()
    inputs: tuple[Path, ...] = ()
    kernel: str | None = None
    warm: bool = True
    observe: bool = True
    cwd: str = TEMPLATE

    @property
    def links(self) -> tuple[Link, ...]:
        """All links of the stage, in the order written, each once."""
        found = [leaf for _, leaf in leaves([dict(self.params), *map(dict, self.cases)], Link)]
        return tuple(dict.fromkeys(found))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets among its values."""
        given = leaves([dict(self.params), *map(dict, self.cases)], Secret)
        return tuple(dict.fromkeys(secret.name for _, secret in given))

    @property
    def upstream(self) -> tuple[str, ...]:
        """Stages that this one waits for: those it links to, then those named by `after`."""
        return tuple(dict.fromkeys([*(link.stage for link in self.links), *self.after]))


@dataclass(frozen=True)
class Environment:
    """What the kernels run in.

    Attributes:
        packages: Installed version of each declared package.
        variables: Environment variables.
        secrets: Names of environment variables whose values are masked.
    """

    packages: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tracking:
    """Where runs are tracked.

    Attributes:
        uri: MLflow tracking URI; None for ``mlflow.db`` beside the pipeline.
        experiment: MLflow experiment; None for the pipeline's name.
    """

    uri: str | None = None
    experiment: str | None = None


@dataclass(frozen=True)
class Pipeline:
    """A whole pipeline, checked.

    Attributes:
        name: Name of the pipeline.
        folder: Folder that relative paths start from, and that ``runs/`` lies in.
        stages: The stages by name, each after those it links to.
        task: What it is to solve, where other pipelines are, too: they share leaderboards.
        seed: Seed of every draw.
        file: The TOML file, or None for a pipeline built in code.
        environment: What the kernels run in.
        tracking: Where runs are tracked.
        report: Whether a run writes its report when it ends.
        source: The pipeline as plain tables, with ``[params]``, ``--set`` and ``${NAME}`` applied.
    """

    name: str
    folder: Path
    stages: Mapping[str, Stage]
    task: str | None = None
    seed: int = 0
    file: Path | None = None
    environment: Environment = Environment()
    tracking: Tracking = Tracking()
    report: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the environment variables that are a secret of any stage."""
        given = (name for stage in self.stages.values() for name in stage.secrets)
        return frozenset([*self.environment.secrets, *given])

    def descendants(self, stage: str) -> frozenset[str]:
        """Return the stages that depend on a stage, itself included."""
        found = {stage}
        for name, each in self.stages.items():
            if found.intersection(each.upstream):
                found.add(name)
        return frozenset(found)

    def ancestors(self, stage: str) -> frozenset[str]:
        """Return the stages that a stage depends on, itself included."""
        found = {stage}
        for name in reversed(list(self.stages)):
            if name in found:
                found.update(self.stages[name].upstream)
        return frozenset(found)
