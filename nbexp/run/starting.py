"""Gets a variant ready to run: its folder, its record in the tracker, and the job."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nbexp.execute.job import Job
from nbexp.metrics import Tail
from nbexp.pipeline import TEMPLATE, VARIANT, Pipeline, Stage, Template
from nbexp.plan import Graph, pruned_key
from nbexp.run.index import RunIndex
from nbexp.run.paused import PausedVariants
from nbexp.run.progress import adopt_progress
from nbexp.run.reuse import PastResults, environment_of, record_of
from nbexp.run.searches import Searches
from nbexp.run.tasks import Task
from nbexp.run.tracker import Tracker
from nbexp.run.worker import python_path
from nbexp.run.workers import Workers
from nbexp.run.writer import RunWriter
from nbexp.runs.events import Events
from nbexp.runs.lineage import history_of
from nbexp.runs.record import VariantRecord
from nbexp.runs.variant_folder import VariantFolder


@dataclass(frozen=True)
class Parts:
    """What a run works with.

    Attributes:
        folder: Its folder, locked.
        tracker: What remembers it.
        pool: The workers.
        events: Who is told what happens.
        index: Knows the results of the runs beside this one.
        catch_up: Called several times a second.
        identity: Gives the identity that a result of the workers has, for that of a variant.
        remarks: What is told once, when the run begins.
    """

    folder: RunWriter
    tracker: Tracker
    pool: Workers
    events: Events
    index: RunIndex
    catch_up: Callable[[], None] = lambda: None
    identity: Callable[[str], str] = str
    remarks: Sequence[str] = ()

    def past(self, graph: Graph) -> PastResults:
        """Return what finds a graph's variants among those that finished before."""
        return PastResults(graph, self.index)


class Starter:
    """Gets variants ready to run.

    Args:
        pipeline: The pipeline.
        parts: What the run works with.
        searches: The searches of the run.
        paused: Where variants have waited that go on.
        fresh: Whether to begin at the beginning, whatever was left on the way before.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        parts: Parts,
        *,
        searches: Searches,
        paused: PausedVariants,
        fresh: bool,
    ) -> None:
        self._pipeline = pipeline
        self._folder = parts.folder
        self._tracker = parts.tracker
        self._identity = parts.identity
        self._searches = searches
        self._paused = paused
        self._fresh = fresh

    def prepare(self, task: Task) -> Job:
        """Return the job of a variant that runs now, for the first time or again."""
        folder = self._folder.variant(task.name)
        folder.path.mkdir(exist_ok=True)
        folder.pause.unlink(missing_ok=True)
        is_begun = task.paused is not None
        has_past = False
        if task.attempt == 1 and not is_begun and not self._fresh:
            earlier = self._folder.earlier()
            has_past = adopt_progress(folder, task.key, earlier, partial(self._is_current, task))
        self._paused.depart(task, has_past=has_past)
        if not is_begun:
            self._begin(task, folder)
        elif task.record is not None:
            params = task.identified.resolved.params  # an exploit may have changed them
            task.record = replace(task.record, params=params)
            task.record.write(folder)
        return self._job(task, folder)

    def _is_current(self, task: Task, folder: VariantFolder) -> bool:
        """Whether what the execution in a folder had used is as it was then."""
        from nbexp.execute.observing import is_as_it_was

        record = VariantRecord.read(folder)
        job = replace(self._job(task, folder), parameters=record.params if record else {})
        return not job.observe or is_as_it_was(job, environment_of(self._pipeline))

    def _begin(self, task: Task, folder: VariantFolder) -> None:
        """Begin a variant in the tracker; one that only goes on has been begun before."""
        early = pruned_key(task.key, self._pipeline.stages[task.stage])
        search = self._searches.name_of(task.node)
        record = replace(
            record_of(task.identified),
            key=self._identity(task.key),
            attempt=task.attempt,
            search=search,
            pruned_key=self._identity(early) if early else "",
            changed=task.changed,
        )
        tracking_id, task.variables = self._tracker.begin(record, folder.path)
        task.record = replace(record, tracking_id=tracking_id)
        task.record.write(folder)
        task.tail = Tail(folder.metrics)

    def _job(self, task: Task, folder: VariantFolder) -> Job:
        option = task.node.variant.option
        stage, environment = self._pipeline.stages[task.stage], self._pipeline.environment
        secrets = {*environment.secrets, *option.secrets}
        values = {name: os.environ[name] for name in self._pipeline.secrets if name in os.environ}
        return Job(
            variant=task.name,
            template=option.template.path,
            folder=folder.path,
            parameters=task.identified.resolved.params,
            key=self._identity(task.key),
            kernel=stage.kernel or option.template.kernel,
            environment=self._variables(task),
            secrets={name: value for name, value in values.items() if name in secrets},
            withheld={name: value for name, value in values.items() if name not in secrets},
            timeout_s=stage.timeout_s,
            source=self._folder.template(option.template),
            pruned_key=task.record.pruned_key if task.record else "",
            metric=stage.metric,
            is_steered=stage.scheduler is not None,
            history=tuple(history_of(folder)),
            warm=stage.warm,
            imports=option.template.imports,
            project=self._pipeline.folder,
            observe=stage.observe,
            **self._cwd(stage, option.template),
        )

    def _variables(self, task: Task) -> dict[str, str]:
        stage, own = self._pipeline.stages[task.stage], self._pipeline.environment.variables
        path = python_path(self._pipeline, stage, task.node.variant.option.template)
        return {**task.variables, **own, "PYTHONPATH": path}

    def _cwd(self, stage: Stage, template: Template) -> dict[str, Path]:
        """Return where a kernel of a stage starts, as a job says it."""
        if stage.cwd == TEMPLATE:
            return {}
        if stage.cwd != VARIANT:
            return {"cwd": self._pipeline.folder / stage.cwd}
        project, beside = self._pipeline.folder.resolve(), template.path.parent
        return {"mirrored": project if beside.is_relative_to(project) else beside}
