"""The schedulers of a run: they answer reports, and decide on variants that have paused.

Variants compete that share a stage and what they link to, or the search that suggested them.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nbexp.decisions import Decision, DecisionKind
from nbexp.execute.job import MetricReport
from nbexp.files import canonical_json, digest
from nbexp.metrics import read_lineage
from nbexp.pipeline import Distribution, Stage
from nbexp.plan import Graph, Node, Resolved, score_of
from nbexp.plan.options import expand_points
from nbexp.run.announcer import error_text
from nbexp.run.progress import changed_params
from nbexp.run.searches import Searches
from nbexp.runs.variant_folder import VariantFolder
from nbexp.search import Scheduler, make_scheduler
from nbexp.states import State


class Schedulers:
    """Asks schedulers, and hands out what they decide.

    Args:
        graph: The graph of the run.
        searches: Its searches.
        warn: Tells a warning.
    """

    def __init__(self, graph: Graph, searches: Searches, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._graph = graph
        self._searches = searches
        self._schedulers: dict[tuple[str, ...], Scheduler | None] = {}
        self._spaces: dict[str, Mapping[str, Distribution]] = {}  # by stage
        self._of: dict[str, Scheduler] = {}
        self._steps: dict[str, int] = {}
        self._held: dict[str, Decision] = {}
        self._final: dict[str, Decision] = {}
        self._began: dict[str, float] = {}

    def add(self, node: Node) -> None:
        """Note a variant that is to run."""
        name = node.variant.name
        scheduler = self._scheduler_of(node)
        if scheduler is None or name in self._of:
            return
        self._of[name] = scheduler
        with self._bearing(name):
            scheduler.add(name, node.variant.option.choices)

    def recall(self, node: Node, folder: VariantFolder) -> None:
        """Tell a scheduler what a variant reported in an earlier execution."""
        scheduler, metric = self._of.get(node.variant.name), self._stage(node).metric
        if scheduler is None or metric is None:
            return
        entries = [entry for entry in read_lineage(folder.metrics) if metric in entry.values]
        if entries:
            points = [(entry.step, float(entry.values[metric])) for entry in entries]
            with self._bearing(node.variant.name):
                values = {**node.variant.option.choices, **changed_params(folder)}
                scheduler.recall(node.variant.name, points, values)
            self._steps[node.variant.name] = max(step for step, _ in points)

    def started(self, node: Node, ran_s: float) -> None:
        """Note that a variant runs, for the first time or again, having run for some time."""
        self._began[node.variant.name] = time.monotonic() - ran_s
        if node.variant.name in self._of:
            with self._bearing(node.variant.name):
                self._of[node.variant.name].start(node.variant.name)

    def report(self, node: Node, report: MetricReport) -> Decision:
        """Return what is decided on a report."""
        name = node.variant.name
        scheduler = self._of.get(name)
        if name in self._held:
            decision = self._held.pop(name)
        elif scheduler is None or report.step <= self._steps.get(name, report.step - 1):
            # A step that it repeats after it was interrupted; at its last it is at its end again.
            is_last = report.step == self._steps.get(name)
            return self._final.get(name, Decision()) if is_last else Decision()
        else:
            self._steps[name] = report.step
            self._searches.report(node, report.step, report.value)
            decision = Decision()
            with self._bearing(name):
                ran_s = time.monotonic() - self._began[name]
                decision = scheduler.report(name, report.step, report.value, ran_s)
        if decision.kind in (DecisionKind.STOP, DecisionKind.END):
            self._final[name] = decision
        return decision

    def paused(self, node: Node) -> None:
        """Note that a variant has given up its slot."""
        self._searches.paused(node)
        if node.variant.name in self._of:
            with self._bearing(node.variant.name):
                self._of[node.variant.name].paused(node.variant.name)

    def exploited(self, node: Node, step: int) -> None:
        """Note that a variant goes on after a donor's step."""
        self._steps[node.variant.name] = step

    def ended(self, node: Node) -> None:
        """Note that a variant has ended."""
        name = node.variant.name
        scheduler = self._of.get(name)
        self._held.pop(name, None)
        if scheduler is None:
            return
        with self._bearing(name):
            if node.state.is_success and node.state is not State.PRUNED:
                scheduler.complete(name, score_of(self._stage(node), node))
            else:
                scheduler.remove(name)
        self._of.pop(name, None)

    def hold(self, name: str, decision: Decision) -> None:
        """Keep a decision on a variant that runs until it reports, or pauses."""
        self._held[name] = decision

    def take_held(self, name: str) -> Decision | None:
        """Return the decision that was kept for a variant, which has paused."""
        return self._held.pop(name, None)

    def orders(self) -> list[tuple[str, Decision]]:
        """Return what schedulers decided on variants other than those that reported."""
        schedulers = [each for each in self._schedulers.values() if each is not None]
        return [order for each in schedulers for order in each.take_orders()]

    def choose(self, waiting: Sequence[str]) -> str | None:
        """Return which of some variants that have paused is to go on now, if any."""
        names: dict[int, list[str]] = defaultdict(list)
        for name in waiting:
            if name not in self._of:
                return name  # its scheduler has failed
            names[id(self._of[name])].append(name)
        for some in names.values():
            with self._bearing(some[0]):
                chosen = self._of[some[0]].choose(some)
                if chosen is not None:
                    return chosen
        return None

    @contextmanager
    def _bearing(self, name: str) -> Iterator[None]:
        """Go on without a scheduler that fails: what has been trained must not be lost with it."""
        try:
            yield
        except Exception as error:
            failed = self._of[name]
            self._of = {each: other for each, other in self._of.items() if other is not failed}
            for key, each in self._schedulers.items():
                if each is failed:
                    self._schedulers[key] = None
            message = f"the scheduler failed on {name}, and the rest runs without it"
            self._warn(f"{message}: {error_text(error)}")

    def _unalterable(self, stage: Stage, node: Node) -> tuple[str, ...]:
        """Return what tells variants apart that can't take over each other's snapshots."""
        scheduler = stage.scheduler
        if scheduler is None or not scheduler.alters:
            return ()
        mutable = {*self._space(stage)}
        mutable |= {*scheduler.options.get("hyperparam_mutations", {})}
        choices = node.variant.option.choices
        return (canonical_json({key: choices[key] for key in choices if key not in mutable}),)

    def _space(self, stage: Stage) -> Mapping[str, Distribution]:
        if stage.name not in self._spaces:
            self._spaces[stage.name] = space_of(stage, self._graph.pipeline.seed)
        return self._spaces[stage.name]

    def _stage(self, node: Node) -> Stage:
        return self._graph.stages[node.variant.stage]

    def _scheduler_of(self, node: Node) -> Scheduler | None:
        stage, variant = self._stage(node), node.variant
        if stage.scheduler is None:
            return None
        competitors = (node.origin,) if node.origin else tuple(sorted(variant.upstream.values()))
        key = (stage.name, *competitors, *self._unalterable(stage, node))
        if key not in self._schedulers:
            self._schedulers[key] = make_scheduler(
                stage.scheduler,
                metric=stage.metric or "",
                mode=stage.mode,
                seed=int(digest([self._graph.pipeline.seed, *key])[:8], 16),
                space=self._space(stage),
                searcher=self._searches.searcher_of(node),
            )
        return self._schedulers[key]


def altered(resolved: Resolved, folder: VariantFolder) -> Resolved:
    """Return a variant's parameters with those put in that a scheduler changed on its way."""
    changed = changed_params(folder).items()
    params = with_values(resolved.params, changed)
    return Resolved(params, with_values(resolved.content, changed)) if changed else resolved


def space_of(stage: Stage, seed: int) -> Mapping[str, Distribution]:
    """Return the distributions of a stage by key, of all its grid points."""
    points = expand_points(stage, seed)
    return {key: space for point in points for key, space in point.space.items()}


def with_values(params: Mapping[str, Any], values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return parameters with values put in by key, such as ``optimizer.lr`` or ``layers[0]``."""
    changed = dict(params)
    for key, value in values:
        path = key.replace("[", ".").replace("]", "").split(".")
        changed = _put(changed, path, value)
    return changed


def _put(table: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    if isinstance(table, list):
        index = int(path[0])
        return [*table[:index], _put(table[index], path[1:], value), *table[index + 1 :]]
    return {**table, path[0]: _put(table.get(path[0], {}), path[1:], value)}
