"""What is wrong with a search or scheduler is told before anything runs."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from nbexp.pipeline import Distribution, Mode, SchedulerSpec, SearchSpec, Stage
from nbexp.search import check_search

LR = {"lr": Distribution("loguniform", (1e-4, 1e-1))}
LAYERS = {"model": {"layers": Distribution("randint", (1, 4))}}


def check(
    algorithm: str = "random",
    type_: str = "",
    params: dict[str, Any] = LR,
    search: dict[str, Any] | None = None,
    scheduler: dict[str, Any] | None = None,
) -> list[tuple[str, str, str]]:
    stage = Stage(
        "train",
        (),
        params,
        metric="acc",
        mode=Mode.MAX,
        search=SearchSpec(algorithm, options=search or {}),
        scheduler=SchedulerSpec(type_, scheduler or {}) if type_ else None,
    )
    return check_search(stage)


@pytest.mark.parametrize("algorithm", ["random", "optuna", "hyperopt", "bayesopt"])
@pytest.mark.parametrize("type_", ["", "asha", "hyperband", "median"])
def test_what_fits_together_is_accepted(algorithm: str, type_: str) -> None:
    assert check(algorithm, type_) == []


@pytest.mark.parametrize(
    ("algorithm", "type_", "options"),
    [
        ("bohb", "bohb", {"max_t": 27}),
        ("random", "pbt", {"synch": True, "quantile_fraction": 0.5}),
        ("random", "pbt", {"hyperparam_mutations": {"lr": [0.1, 0.01]}}),
        ("ray.tune.search.hyperopt:HyperOptSearch", "asha", {"max_t": 9}),
        ("optuna", "ray.tune.schedulers.FIFOScheduler", {}),
    ],
)
def test_special_pairs_are_accepted(algorithm: str, type_: str, options: dict[str, Any]) -> None:
    assert check(algorithm, type_, scheduler=options) == []


@pytest.mark.parametrize(
    ("algorithm", "options", "key", "message", "remedy"),
    [
        ("optuna", {"sampeler": "tpe"}, "search.sampeler", "unknown option", "'sampler'"),
        ("optuna", {"sampler": "best"}, "search.sampler", "no sampler 'best'", "Choose"),
        ("optuna", {"sampler": "bruteforce"}, "search.sampler", "must be given", "default"),
        ("optuna", {"n_startup": 3}, "search.n_startup", "unknown", "n_startup_trials"),
        ("hyperopt", {"seed": 3}, "search.seed", "unknown option", "random_state_seed"),
        ("bayesopt", {"patience": 0}, "search.patience", "greater than 0! (got 0)", "default"),
        ("no.such.module:Class", {}, "search.algorithm", "can't be imported", "module:Class"),
        ("json:dumps", {}, "search.algorithm", "is no ray.tune.search", "Searcher"),
        ("bohb", {}, "search.algorithm", "its own scheduler", 'type = "bohb"'),
        (
            "optuna",
            {"points_to_evaluate": [{"lr": 7.0}]},
            "search.points_to_evaluate",
            "no point of the space",
            "leave it out",
        ),
    ],
)
def test_a_search_that_can_not_run_is_told(
    algorithm: str, options: dict[str, Any], key: str, message: str, remedy: str
) -> None:
    [found] = check(algorithm, search=options)
    assert found[0] == key
    assert message in found[1]
    assert remedy in found[2]


@pytest.mark.parametrize(
    ("type_", "options", "key", "message", "remedy"),
    [
        ("asha", {"max_epochs": 9}, "scheduler.max_epochs", "unknown option", "max_t"),
        ("asha", {"max_t": 0}, "scheduler.max_t", "not valid! (got 0)", "default"),
        ("asha", {"max_t": 3, "grace_period": 9}, "scheduler.max_t", "must be <= max_t", ""),
        ("asha", {"max_t": "9"}, "scheduler.max_t", "'str' and 'int'", ""),
        ("asha", {"metric": "loss"}, "scheduler.metric", "unknown option", ""),
        ("asha", {"time_attr": "epochs"}, "scheduler.time_attr", "'epochs'", "step"),
        ("pbt", {"log_config": True}, "scheduler.log_config", "unknown option", ""),
        ("pbt", {"quantile_fraction": 0.7}, "scheduler.quantile_fraction", "0.7", ""),
        (
            "pbt",
            {"hyperparam_mutations": {"rl": [1, 2]}},
            "scheduler.hyperparam_mutations.rl",
            "'rl' is no parameter",
            "Choose one of: lr",
        ),
        ("bohb", {}, "scheduler.type", "the search is random", 'algorithm = "bohb"'),
        ("no.such:Class", {}, "scheduler.type", "can't be imported", "TrialScheduler"),
        ("json.JSONDecoder", {}, "scheduler.type", "is no ray.tune.schedulers", "derived"),
    ],
)
def test_a_scheduler_that_can_not_run_is_told(
    type_: str, options: dict[str, Any], key: str, message: str, remedy: str
) -> None:
    [found] = check("random", type_, scheduler=options)
    assert found[0] == key
    assert message in found[1]
    assert remedy in found[2]


def test_bayesopt_with_whole_numbers_is_told() -> None:
    [(key, message, _)] = check("bayesopt", params=LAYERS)
    assert key == "search.algorithm"
    assert "'model.layers' is randint = [1, 4]" in message


NESTED = {"opt": Distribution("choice", ({"lr": LR["lr"]}, "none")), **LR}


@pytest.mark.parametrize(
    ("algorithm", "type_", "message"),
    [
        ("bayesopt", "", "'opt' is choice = [{'lr': {'loguniform': [0.0001, 0.1]}}, 'none']"),
        ("random", "pbt", "pbt can't alter 'opt', whose values hold distributions"),
    ],
)
def test_choice_that_holds_distributions_is_told_where_it_can_not_be(
    algorithm: str, type_: str, message: str
) -> None:
    [found] = check(algorithm, type_, params=NESTED)
    assert message in found[1]


def test_pbt_alters_other_parameters_beside_a_choice_that_holds_distributions() -> None:
    assert check("random", "pbt", NESTED, scheduler={"hyperparam_mutations": LR}) == []


def test_pbt_does_not_go_with_a_search_that_learns() -> None:
    [(key, message, _)] = check("optuna", "pbt")
    assert (key, "pbt chooses values itself" in message) == ("search.algorithm", True)


def test_pbt_without_anything_to_change_is_told() -> None:
    [(key, message, _)] = check("random", "pbt", params={"lr": 0.1})
    assert (key, "nothing to change" in message) == ("scheduler.type", True)


@pytest.mark.parametrize(
    ("algorithm", "module"),
    [
        ("optuna", "optuna"),
        ("hyperopt", "hyperopt"),
        ("bayesopt", "bayes_opt"),
        ("bohb", "ConfigSpace"),
    ],
)
def test_a_missing_library_is_told_with_what_to_install(
    algorithm: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    absent = lambda name, *rest: None if name == module else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", absent)
    found = check(algorithm, "bohb" if algorithm == "bohb" else "")
    assert found == [
        (
            "search.algorithm",
            f"{algorithm} needs the package {module}, which is not installed",
            f"Install it: pip install 'nbexp[{algorithm}]'",
        )
    ]


@pytest.mark.usefixtures("no_ray")
def test_nothing_is_started() -> None:
    check("optuna", "asha")
