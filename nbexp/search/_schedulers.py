"""Ray Tune's schedulers by name: their classes, settings and mutations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nbexp.errors import UsageError
from nbexp.pipeline import Distribution, Grid, Mode
from nbexp.pipeline.spec import SchedulerSpec
from nbexp.search._base import Searcher
from nbexp.search._classes import load_class, parameters, takes_any
from nbexp.search._coding import Natural, Plain
from nbexp.search._sandbox import Sandbox
from nbexp.search._scheduler import Asha, Bohb, HyperBand, Median, Setup, TuneScheduler
from nbexp.search._searcher import TuneSearcher

TIMES = ("training_iteration", "time_total_s", "step")
_OURS = {"metric", "mode", "log_config", "custom_explore_fn"}
_CLASSES = {
    "asha": "AsyncHyperBandScheduler",
    "hyperband": "HyperBandScheduler",
    "median": "MedianStoppingRule",
    "pbt": "PopulationBasedTraining",
    "bohb": "HyperBandForBOHB",
}
# Tune's own defaults of these are seconds. A notebook that is paused is later executed again from
# its first cell, so that the median rule pauses none unless it is told to.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "median": {"grace_period": 1, "min_time_slice": float("inf")},
    "pbt": {"perturbation_interval": 5},
}


def scheduler_class(type_: str) -> Any:
    """Return the class of Tune's scheduler of a name or at an import path.

    Raises:
        ClassError: The path leads to no `ray.tune.schedulers.TrialScheduler`.
    """
    from ray.tune import schedulers

    if type_ in _CLASSES:
        return getattr(schedulers, _CLASSES[type_])
    return load_class(type_, schedulers.TrialScheduler)


def known_options(type_: str) -> set[str] | None:
    """Return the names of a scheduler's options; None for any."""
    cls = scheduler_class(type_)
    return None if takes_any(cls) else {*parameters(cls)} - _OURS


def make_scheduler(  # noqa: PLR0913 - all of them are what the stage says
    scheduler: SchedulerSpec,
    *,
    metric: str,
    mode: Mode,
    seed: int,
    space: Mapping[str, Distribution],
    searcher: Searcher | None = None,
) -> TuneScheduler:
    """Return a scheduler of variants that compete.

    Args:
        scheduler: Its type and options.
        metric: Name of the metric.
        mode: Whether larger or smaller is better.
        seed: Seed: the same one, with the same calls in the same order, decides the same.
        space: The distributions of the stage, by key; PBT's mutations unless it names its own.
        searcher: The search that suggests the variants; BOHB's scheduler needs it.

    Raises:
        UsageError: The scheduler refuses its options.
        ClassError: There is no such scheduler.
    """
    cls = scheduler_class(scheduler.type)
    sandbox = Sandbox(seed)
    with sandbox():
        options = _options(cls, scheduler, space)
        options |= _required(cls, {"metric": metric, "mode": str(mode)})
        try:
            tune = cls(**options)
        except Exception as error:  # whatever a library makes of options that it refuses
            raise UsageError(f"{scheduler.type} refuses its settings: {error}") from error
        tune.set_search_properties(metric, str(mode))
    label = scheduler.type if scheduler.type in _CLASSES else cls.__name__
    time_attr = getattr(tune, "_time_attr", TIMES[0])
    own = searcher if isinstance(searcher, TuneSearcher) else None
    tied = own if own is not None and own.algorithm.name == "bohb" else None
    setup = Setup(label, metric, mode, time_attr, sandbox, tied)
    return _adapter(tune)(tune, setup)


def _adapter(tune: Any) -> type[TuneScheduler]:
    from ray.tune import schedulers

    for base, adapter in (
        (schedulers.HyperBandForBOHB, Bohb),
        (schedulers.HyperBandScheduler, HyperBand),
        (schedulers.AsyncHyperBandScheduler, Asha),
        (schedulers.MedianStoppingRule, Median),
    ):
        if isinstance(tune, base):
            return adapter
    return TuneScheduler


def _required(cls: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    names = parameters(cls)
    return {
        name: value
        for name, value in given.items()
        if name in names and names[name].default is names[name].empty
    }


def _options(
    cls: Any, scheduler: SchedulerSpec, space: Mapping[str, Distribution]
) -> dict[str, Any]:
    names = parameters(cls)
    options = {**_DEFAULTS.get(scheduler.type, {}), **scheduler.options}
    options.setdefault("time_attr", TIMES[0])
    if "hyperparam_mutations" in names:
        mutations = mutations_of(scheduler, space)
        options["hyperparam_mutations"] = {key: _tune_form(m) for key, m in mutations.items()}
        options["custom_explore_fn"] = _keep_within(mutations) if mutations else None
    if "log_config" in names:
        options["log_config"] = False  # it would write files; the run keeps its own history
    if "time_attr" not in names and not takes_any(cls):
        options.pop("time_attr")
    return options


def mutations_of(
    scheduler: SchedulerSpec, space: Mapping[str, Distribution]
) -> dict[str, Distribution | list[Any]]:
    """Return what PBT may change, by key: what it names, or else the stage's distributions."""
    given = scheduler.options.get("hyperparam_mutations")
    return dict(_flat(given)) if given else dict(space)


def _flat(table: Any, prefix: str = "") -> list[tuple[str, Distribution | list[Any]]]:
    if isinstance(table, Mapping):
        return [
            leaf
            for key, item in table.items()
            for leaf in _flat(item, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(table, Grid):
        return [(prefix, list(table.values))]
    if isinstance(table, Distribution):
        return [(prefix, table)]
    return [(prefix, list(table) if isinstance(table, list | tuple) else [table])]


def _tune_form(mutation: Distribution | list[Any]) -> Any:
    if isinstance(mutation, list):
        return mutation
    # Tune multiplies what comes from its `choice`; from a list, it takes a neighbour.
    is_choice = mutation.kind == "choice"
    return list(mutation.arguments) if is_choice else Natural(mutation).domain()


def _keep_within(
    mutations: Mapping[str, Distribution | list[Any]],
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    numeric = {
        key: Plain(each)
        for key, each in mutations.items()
        if isinstance(each, Distribution) and each.kind != "choice"
    }

    def keep_within(config: dict[str, Any]) -> dict[str, Any]:
        return config | {key: each.nearest(config[key]) for key, each in numeric.items()}

    return keep_within
