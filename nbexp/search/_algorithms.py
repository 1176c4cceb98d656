"""Ray Tune's search algorithms by name: what each needs, takes and searches."""

from __future__ import annotations

import importlib
import random
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nbexp.pipeline.spaces import Distribution
from nbexp.search._classes import load_class, parameters, takes_any
from nbexp.search._coding import Coding, Natural, Plain

_OURS = {"space", "metric", "mode", "evaluated_rewards", "analysis", "storage", "study_name",
         "max_concurrent", "verbose"}  # fmt: skip
# What is no algorithm of its own, or needs more than settings.
_NO_SAMPLERS = {"BaseSampler", "BaseGASampler", "PartialFixedSampler", "GridSampler"}
_SEEDS = ("seed", "random_state", "random_state_seed", "random_seed")


@dataclass(frozen=True)
class Order:
    """What a Tune searcher is made for.

    Attributes:
        metric: Name of the metric.
        mode: ``max`` or ``min``.
        seed: Seed, below 2 to the power of 32.
        options: The algorithm's own settings.
        domains: What to search, by the searcher's names.
        points: What it is to suggest first, by the same names.
    """

    metric: str
    mode: str
    seed: int
    options: Mapping[str, Any]
    domains: Mapping[str, Any]
    points: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Algorithm:
    """One of Tune's search algorithms.

    Attributes:
        name: As the pipeline says it.
        load: Returns its class.
        make: Makes a searcher of that class.
        coding: How it sees a distribution.
        modules: What must be installed, beside Ray.
        continuous: Whether it takes nothing but continuous distributions.
        takes_points: Whether it can be told what to suggest first.
    """

    name: str
    load: Callable[[], Any]
    make: Callable[[Any, Order], Any]
    coding: Callable[[Distribution], Coding] = Plain
    modules: tuple[str, ...] = ()
    continuous: bool = False
    takes_points: bool = True

    def known_options(self, options: Mapping[str, Any]) -> set[str] | None:
        """Return the names of its options, given those that choose others; None for any."""
        cls = self.load()
        if self.name == "optuna":
            return {"sampler", "points_to_evaluate", *parameters(optuna_sampler(options))}
        return None if takes_any(cls) else {*parameters(cls)} - _OURS


def find_algorithm(name: str) -> Algorithm:
    """Return the algorithm of a name, or the one at an import path.

    Raises:
        ClassError: The path leads to no `ray.tune.search.Searcher`.
    """
    if name in ALGORITHMS:
        return ALGORITHMS[name]
    from ray.tune.search import Searcher

    cls = load_class(name, Searcher)
    takes_points = "points_to_evaluate" in parameters(cls)
    return Algorithm(name, lambda: cls, _make_any, Natural, takes_points=takes_points)


def optuna_sampler(options: Mapping[str, Any]) -> Any:
    """Return the class of the sampler that the options of Optuna name.

    Raises:
        ValueError: There is none of that name.
    """
    name = str(options.get("sampler", "tpe"))
    samplers = optuna_samplers()
    found = samplers.get(name.lower().replace("-", "").replace("_", "").removesuffix("sampler"))
    if found is None:
        raise ValueError(f"Optuna has no sampler {name!r}; it has {', '.join(sorted(samplers))}")
    return found


def optuna_samplers() -> dict[str, Any]:
    """Return the classes of Optuna's samplers by short names, such as ``tpe``."""
    module = importlib.import_module("optuna.samplers")
    names = {name for name in module.__all__ if name.endswith("Sampler")} - _NO_SAMPLERS
    return {name.removesuffix("Sampler").lower(): getattr(module, name) for name in names}


def _make_optuna(cls: Any, order: Order) -> Any:
    sampler = optuna_sampler(order.options)
    seed = {"seed": order.seed} if "seed" in parameters(sampler) else {}
    made = sampler(**seed | _without(order.options, "sampler"))
    return cls(sampler=made, points_to_evaluate=[*order.points])


def _make_hyperopt(cls: Any, order: Order) -> Any:
    points = [dict(point) for point in order.points] or None
    return cls(points_to_evaluate=points, **{"random_state_seed": order.seed, **order.options})


def _make_bayesopt(cls: Any, order: Order) -> Any:
    # Tune's own random steps suggest nothing more until all of them are known. Points that are
    # to be evaluated first do the same, and wait for nothing. Known ones stand for some.
    steps = int(order.options.get("random_search_steps", 10)) - len(order.points)
    drawn = [{name: random.random() for name in order.domains} for _ in range(steps)]
    options = {"random_state": order.seed, **_without(order.options, "random_search_steps")}
    points = [dict(point) for point in order.points] + drawn
    return cls(points_to_evaluate=points, random_search_steps=0, **options)


def _make_bohb(cls: Any, order: Order) -> Any:
    points = [dict(point) for point in order.points]
    return cls(points_to_evaluate=points, **{"seed": order.seed, **order.options})


def _make_any(cls: Any, order: Order) -> Any:
    from ray.tune.search import Searcher

    names = parameters(cls)
    given: dict[str, Any] = dict.fromkeys(_SEEDS, order.seed)
    given |= {"metric": order.metric, "mode": order.mode}
    if order.points:
        given["points_to_evaluate"] = [dict(point) for point in order.points]
    if cls.set_search_properties is Searcher.set_search_properties:
        given["space"] = dict(order.domains)
    own = {name: each for name, each in given.items() if name in names}
    return cls(**{**own, **order.options})


def _without(options: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != name}


def _tune(module: str, name: str) -> Callable[[], Any]:
    def load() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(importlib.import_module(f"ray.tune.search.{module}"), name)

    return load


ALGORITHMS = {
    each.name: each
    for each in (
        Algorithm("optuna", _tune("optuna", "OptunaSearch"), _make_optuna, modules=("optuna",)),
        Algorithm(
            "hyperopt", _tune("hyperopt", "HyperOptSearch"), _make_hyperopt, modules=("hyperopt",)
        ),
        Algorithm(
            "bayesopt",
            _tune("bayesopt", "BayesOptSearch"),
            _make_bayesopt,
            modules=("bayes_opt",),
            continuous=True,
        ),
        Algorithm(
            "bohb", _tune("bohb", "TuneBOHB"), _make_bohb, modules=("hpbandster", "ConfigSpace")
        ),
    )
}
