"""What is wrong with a stage's search and scheduler, before anything runs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from nbexp.errors import UsageError, did_you_mean
from nbexp.pipeline import Distribution, Link, SchedulerSpec, Secret, Stage
from nbexp.pipeline.values import leaves, outermost, place
from nbexp.search._algorithms import ALGORITHMS, find_algorithm
from nbexp.search._classes import ClassError
from nbexp.search._schedulers import (
    TIMES,
    known_options,
    make_scheduler,
    mutations_of,
    scheduler_class,
)
from nbexp.search._searcher import make_searcher, unfit_for

Found = tuple[str, str, str]  # key, message, remedy
_OPEN = Distribution | Link | Secret


def check_search(stage: Stage) -> list[Found]:
    """Return what is wrong with a stage's search and scheduler: key, message and remedy of each.

    Args:
        stage: The stage; keys are relative to it, such as ``scheduler.max_t``.
    """
    found: list[Found] = []
    if stage.search.is_adaptive:
        found += _check_search(stage)
    if stage.scheduler is not None:
        found += [*_check_pair(stage, stage.scheduler), *_check_scheduler(stage, stage.scheduler)]
    elif stage.search.algorithm == "bohb":
        found.append(_NO_BOHB_SCHEDULER)
    return found


_NO_BOHB_SCHEDULER = (
    "search.algorithm",
    "bohb learns from what its own scheduler compares, and the stage has another one or none",
    'Write scheduler = { type = "bohb", max_t = 27 }.',
)


def space_of(stage: Stage) -> dict[str, Distribution]:
    """Return the distributions of a stage, by key."""
    tables = [{**stage.params, **case} for case in stage.cases or ({},)]
    return {place(path): each for table in tables for path, each in outermost(table)}


def _check_search(stage: Stage) -> list[Found]:
    search, space = stage.search, space_of(stage)
    missing = _missing(search.algorithm)
    if missing:
        return [missing]
    try:
        algorithm = find_algorithm(search.algorithm)
        known = algorithm.known_options(search.options)
    except ClassError as error:
        return [("search.algorithm", str(error), _path_remedy("ray.tune.search.Searcher"))]
    except ValueError as error:
        return [("search.sampler", str(error), "Choose one of these.")]
    unfit = unfit_for(algorithm, space)
    if unfit:
        remedy = "Make it a grid, or choose another algorithm, such as optuna."
        return [("search.algorithm", unfit, remedy)]
    unknown = _unknown("search", search.options, known)
    if unknown or not space:
        return unknown

    def build(options: Mapping[str, Any]) -> None:
        tried = replace(search, options=options)
        searcher = make_searcher(tried, space, metric=_metric(stage), mode=stage.mode, seed=0)
        searcher.suggest(0)  # some refuse a space only now

    return list(_refused("search", search.options, build))


def _check_scheduler(stage: Stage, scheduler: SchedulerSpec) -> list[Found]:
    try:
        scheduler_class(scheduler.type)
        known = known_options(scheduler.type)
    except ClassError as error:
        remedy = _path_remedy("ray.tune.schedulers.TrialScheduler")
        return [("scheduler.type", str(error), remedy)]
    unknown = _unknown("scheduler", scheduler.options, known)
    mutations = list(_check_mutations(stage, scheduler))
    time = scheduler.options.get("time_attr", TIMES[0])
    if time not in TIMES:
        remedy = did_you_mean(str(time), TIMES)
        unknown.append(("scheduler.time_attr", f"nothing is counted as {time!r}", remedy))
    if unknown or mutations:
        return unknown + mutations

    def build(options: Mapping[str, Any]) -> None:
        tried = replace(scheduler, options=options)
        space = space_of(stage)
        make_scheduler(tried, metric=_metric(stage), mode=stage.mode, seed=0, space=space)

    return list(_refused("scheduler", scheduler.options, build))


def _check_pair(stage: Stage, scheduler: SchedulerSpec) -> Iterator[Found]:
    algorithm = stage.search.algorithm
    if scheduler.type == "bohb" and algorithm != "bohb":
        message = f"bohb's scheduler works with bohb's search alone, and the search is {algorithm}"
        yield "scheduler.type", message, 'Write search = { algorithm = "bohb" }, or take hyperband.'
    if algorithm == "bohb" and scheduler.type != "bohb":
        yield _NO_BOHB_SCHEDULER
    if scheduler.type == "pbt" and stage.search.is_adaptive:
        message = f"pbt chooses values itself, and so does the search {algorithm}"
        yield "search.algorithm", message, 'Take "random", from which pbt starts.'


def _check_mutations(stage: Stage, scheduler: SchedulerSpec) -> Iterator[Found]:
    if scheduler.type != "pbt":
        return
    space = space_of(stage)
    mutations = mutations_of(scheduler, space)
    if not mutations:
        message = "pbt has nothing to change: no parameter of the stage is a distribution"
        yield "scheduler.type", message, "Write, for example: lr = { loguniform = [1e-4, 1e-1] }."
    for key, mutation in mutations.items():
        if isinstance(mutation, Distribution) and any(leaves([*mutation.arguments], _OPEN)):
            message = f"pbt can't alter {key!r}, whose values hold distributions, links or secrets"
            remedy = "Name in hyperparam_mutations what it may change, or take another scheduler."
            yield "scheduler.type", message, remedy
    for key in mutations.keys() - space.keys():
        message = f"{key!r} is no parameter that the stage gives a distribution"
        yield f"scheduler.hyperparam_mutations.{key}", message, did_you_mean(key, space)


def _missing(algorithm: str) -> Found | None:
    """Return what to install for an algorithm, if anything."""
    modules = ALGORITHMS[algorithm].modules if algorithm in ALGORITHMS else ()
    remedy = f"Install it: pip install 'nbexp[{algorithm}]'"
    for module in modules:
        if importlib.util.find_spec(module) is None:
            message = f"{algorithm} needs the package {module}, which is not installed"
            return "search.algorithm", message, remedy
    if algorithm == "bayesopt":
        from importlib.metadata import version as version_of

        version = version_of("bayesian-optimization")
        if not version.startswith("1."):
            message = f"Ray Tune works with bayesian-optimization below 2, and {version} is here"
            return "search.algorithm", message, remedy
    return None


def _unknown(table: str, options: Iterable[str], known: Iterable[str] | None) -> list[Found]:
    if known is None:
        return []
    names = sorted(known)
    return [
        (f"{table}.{name}", f"unknown option {name!r}", did_you_mean(name, names))
        for name in options
        if name not in names
    ]


def _refused(
    table: str, options: Mapping[str, Any], build: Callable[[Mapping[str, Any]], None]
) -> Iterator[Found]:
    """Yield the option without which the rest is accepted, or the whole table."""
    message = _message(build, options)
    if message is None:
        return
    for name in options:
        if _message(build, {key: value for key, value in options.items() if key != name}) is None:
            got = f"{message} (got {options[name]!r})"
            yield f"{table}.{name}", got, "Change it, or leave it out to take the default."
            return
    yield table, message, "Change its options; they go to Ray Tune as they are."


def _message(build: Callable[[Mapping[str, Any]], None], options: Mapping[str, Any]) -> str | None:
    try:
        build(options)
    except UsageError as error:
        return str(error)
    return None


def _metric(stage: Stage) -> str:
    return stage.metric or "metric"  # that it is missing is told elsewhere


def _path_remedy(base: str) -> str:
    return f"Write module:Class of a class that is derived from {base}."
