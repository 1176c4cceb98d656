"""Every algorithm suggests reproducibly and learns; custom ones by import path."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.tune.search import Searcher as RaySearcher

from nbexp.errors import UsageError
from nbexp.pipeline import Distribution, Mode, SearchSpec
from nbexp.pipeline.spec import SchedulerSpec
from nbexp.search import make_scheduler, make_searcher
from nbexp.search._searcher import TuneSearcher

CONTINUOUS = {
    "lr": Distribution("loguniform", (1e-4, 1.0)),
    "optimizer.decay": Distribution("uniform", (-1.0, 1.0)),
}
MIXED = {
    **CONTINUOUS,
    "layers[0]": Distribution("randint", (1, 6)),
    "width": Distribution("qrandint", (8, 64, 8)),
    "units": Distribution("lograndint", (1, 1000)),
    "drop": Distribution("quniform", (0.0, 0.5, 0.1)),
    "noise": Distribution("normal", (0.0, 2.0)),
    "head": Distribution("choice", ("a", None, [1, 2], {"kind": "b"}, 1, True)),
    "fixed": Distribution("choice", ("only",)),
}


SMOOTH = {key: MIXED[key] for key in ("lr", "optimizer.decay", "drop")}


class Diagonal(RaySearcher):
    """A user's own, with a space of its own; ends after three."""

    def __init__(
        self, start: float = 0.1, metric: str | None = None, mode: str | None = None
    ) -> None:
        super().__init__(metric=metric, mode=mode)
        self.start, self.told = start, 0

    def suggest(self, trial_id: str) -> Any:
        number = int(trial_id)
        return {"lr": self.start * (number + 1)} if number < 3 else self.FINISHED

    def on_trial_complete(self, *_: Any, **__: Any) -> None:
        self.told += 1


def quadratic(values: Mapping[str, Any]) -> float:
    return -((math.log10(values["lr"]) + 2) ** 2) - (values["optimizer.decay"] - 0.3) ** 2


class SearcherContract:
    """What holds of every algorithm."""

    algorithm: str
    options: dict[str, Any] = {}  # noqa: RUF012 - each algorithm's own
    space = MIXED
    learns = True
    trials, warm, length, seeds = 30, 40, 12, 3

    def searcher(
        self, seed: int = 1, space: Mapping[str, Distribution] | None = None
    ) -> TuneSearcher:
        search = SearchSpec(self.algorithm, options=self.options)
        space = space or self.space
        return make_searcher(search, space, metric="acc", mode=Mode.MAX, seed=seed)

    def tell(self, searcher: TuneSearcher, number: int, values: Mapping[str, Any]) -> float:
        value = quadratic(values)
        searcher.report(number, 1, value)
        searcher.complete(number, value)
        return value

    def trace(self, searcher: TuneSearcher, count: int | None = None) -> list[Mapping[str, Any]]:
        trace = []
        for number in range(count or self.length):
            values = searcher.suggest(number)
            if values is None:
                break
            trace.append(values)
            self.tell(searcher, number, values)
        return trace

    def test_same_seed_and_results_give_same_suggestions(self) -> None:
        traces = []
        for noise in (1, 2):
            random.seed(noise)
            np.random.seed(noise)
            traces.append(self.trace(self.searcher()))
        assert traces[0] == traces[1]
        assert len({repr(values) for values in traces[0]}) > len(traces[0]) / 2

    def test_another_seed_gives_others(self) -> None:
        assert self.trace(self.searcher(1), 3) != self.trace(self.searcher(2), 3)

    def test_values_are_of_the_distribution_and_plain(self) -> None:
        for values in self.trace(self.searcher()):
            assert list(values) == list(self.space)
            for key, value in values.items():
                self.check(self.space[key], value)

    def check(self, each: Distribution, value: Any) -> None:
        if each.kind == "choice":
            assert any(type(c) is type(value) and c == value for c in each.arguments)
        elif each.kind == "normal":
            assert type(value) is float
        elif "int" in each.kind:
            assert type(value) is int
            assert each.arguments[0] <= value <= each.arguments[1]
        else:
            assert type(value) is float
            assert each.arguments[0] <= value <= each.arguments[1]
            if len(each.arguments) == 3:
                assert value in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)

    def test_it_finds_what_random_draws_find_or_better(self) -> None:
        found, drawn = 0.0, 0.0
        for seed in range(self.seeds):
            trace = self.trace(self.searcher(seed, CONTINUOUS), self.trials)
            found += max(quadratic(values) for values in trace)
            draws = [
                {k: d.draw(seed, i, k) for k, d in CONTINUOUS.items()} for i in range(self.trials)
            ]
            drawn += max(map(quadratic, draws))
        assert found >= drawn - (0 if self.learns else 1)

    def test_failures_and_results_that_are_not_finite_are_survived(self) -> None:
        searcher = self.searcher()
        for number, value in enumerate([None, math.nan, math.inf, -math.inf] * 2):
            assert searcher.suggest(number) is not None
            if value is not None:
                searcher.report(number, 1, value)
            searcher.complete(number, value)

    def test_several_are_suggested_before_any_result_is_known(self) -> None:
        searcher = self.searcher()
        values = [searcher.suggest(number) for number in range(20)]
        assert None not in values
        for number in reversed(range(20)):
            self.tell(searcher, number, values[number] or {})
        assert searcher.suggest(20) is not None

    def test_what_was_never_suggested_is_passed_over(self) -> None:
        searcher = self.searcher()
        searcher.report(7, 1, 0.5)
        searcher.complete(7, 0.5)

    def test_warm_start_takes_points_of_the_space_alone(self) -> None:
        searcher = self.searcher(space=CONTINUOUS)
        known = {"lr": 0.01, "optimizer.decay": 0.3, "another": 3}
        assert searcher.add(known, 0.0)
        assert searcher.add(known, 0.0)  # the same again, as runs find it
        assert not searcher.add({"lr": 5.0, "optimizer.decay": 0.3}, 0.0)
        assert not searcher.add({"lr": 0.01}, 0.0)
        assert not searcher.add(known, math.nan)
        assert searcher.suggest(0) is not None
        assert not searcher.add(known, 0.0)

    def test_warm_start_is_learned_from(self) -> None:
        cold, warm = 0.0, 0.0
        for seed in range(self.seeds):
            cold += self.mean_of_ten(self.searcher(seed, CONTINUOUS))
            searcher = self.searcher(seed, CONTINUOUS)
            rng = random.Random(seed)
            for _ in range(self.warm):
                values = {k: d.draw(rng.random()) for k, d in CONTINUOUS.items()}
                assert searcher.add(values, quadratic(values))
            warm += self.mean_of_ten(searcher)
        assert not self.learns or warm > cold

    def mean_of_ten(self, searcher: TuneSearcher) -> float:
        return sum(quadratic(values) for values in self.trace(searcher, 10)) / 10

    @pytest.mark.usefixtures("no_ray")
    def test_nothing_is_printed_written_disturbed_or_started(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[union-attr]
        searcher = self.searcher()
        searcher.add({key: each.draw(1) for key, each in self.space.items()}, 1.0)
        self.trace(searcher, 5)
        after = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[union-attr]
        assert before == after
        assert capfd.readouterr() == ("", "")
        assert not list(tmp_path.iterdir())

    def test_points_to_evaluate_come_first(self) -> None:
        point = {"lr": 0.5, "optimizer.decay": -0.5}
        search = SearchSpec(self.algorithm, options={**self.options, "points_to_evaluate": [point]})
        searcher = make_searcher(search, CONTINUOUS, metric="acc", mode=Mode.MAX, seed=1)
        assert searcher.suggest(0) == pytest.approx(point)


class TestOptuna(SearcherContract):
    algorithm = "optuna"


class TestOptunaRandom(SearcherContract):
    algorithm = "optuna"
    options = {"sampler": "random"}  # noqa: RUF012
    learns = False


class TestOptunaCmaEs(SearcherContract):
    algorithm = "optuna"
    options = {"sampler": "cmaes", "n_startup_trials": 5}  # noqa: RUF012
    learns = False  # it starts anew from the best alone


class TestHyperOpt(SearcherContract):
    algorithm = "hyperopt"
    options = {"n_initial_points": 8}  # noqa: RUF012


class TestBayesOpt(SearcherContract):
    algorithm = "bayesopt"
    options = {"random_search_steps": 3}  # noqa: RUF012
    space = SMOOTH
    trials, warm, length, seeds = 12, 12, 6, 1


class TestBohb(SearcherContract):
    """As with its scheduler, which has it learn from what variants reach at a budget."""

    algorithm = "bohb"

    def tell(self, searcher: TuneSearcher, number: int, values: Mapping[str, Any]) -> float:
        value = quadratic(values)
        searcher.hear(number, {"acc": value, "hyperband_info": {"budget": 1}})
        searcher.complete(number, value)
        return value


def test_bohb_learns_from_its_scheduler() -> None:
    searcher = make_searcher(SearchSpec("bohb"), CONTINUOUS, metric="acc", mode=Mode.MAX, seed=1)
    scheduler = make_scheduler(
        SchedulerSpec("bohb", {"max_t": 9}),
        metric="acc",
        mode=Mode.MAX,
        seed=1,
        space=CONTINUOUS,
        searcher=searcher,
    )
    scheduler.add("a grid point", {"lr": 0.5, "optimizer.decay": 0.0})
    for number in range(12):
        values = searcher.suggest(number)
        assert values is not None
        scheduler.add(f"v{number}", {**values, "seed": 3})
        scheduler.start(f"v{number}")
        scheduler.report(f"v{number}", 1, quadratic(values), 1.0)
    learner = searcher._searcher
    assert learner.paused
    assert learner.bohber.kde_models.keys() == {1}
    scheduler.take_orders()


def test_own_searcher_by_import_path_keeps_names_values_and_end() -> None:
    space = {"lr": Distribution("uniform", (0.0, 1.0))}
    search = SearchSpec(f"{__name__}:Diagonal", options={"start": 0.2})
    searcher = make_searcher(search, space, metric="acc", mode=Mode.MIN, seed=1)
    assert [searcher.suggest(i) for i in range(2)] == [{"lr": 0.2}, {"lr": 0.4}]
    searcher.complete(0, 0.5)
    assert searcher._searcher.told == 1
    assert (searcher._searcher.metric, searcher._searcher.mode) == ("acc", "min")
    assert not searcher.add({"lr": 0.1}, 0.5)
    assert searcher.suggest(2) is not None
    assert searcher.suggest(3) is None


def test_a_tune_searcher_by_import_path_gets_tunes_own_domains() -> None:
    search = SearchSpec("ray.tune.search.optuna.OptunaSearch")
    space = {k: each for k, each in MIXED.items() if k not in ("noise", "head")}
    searcher = make_searcher(search, space, metric="acc", mode=Mode.MAX, seed=1)
    values = searcher.suggest(0)
    assert values is not None
    assert list(values) == list(space)
    assert type(values["width"]) is int
    again = make_searcher(search, space, metric="acc", mode=Mode.MAX, seed=1)
    assert again.suggest(0) == values


class Waiting(RaySearcher):
    """A user's own: suggests no more than one that has no result, and draws each time."""

    asked = 0
    is_open = False

    def suggest(self, _: str) -> Any:
        self.asked += 1
        if self.is_open:
            return None
        self.is_open = True
        return {"lr": random.random()}

    def on_trial_complete(self, *_: Any, **__: Any) -> None:
        self.is_open = False


def test_an_algorithm_that_waits_is_asked_again_only_when_it_was_told_something() -> None:
    search = SearchSpec(f"{__name__}:Waiting")
    space = {"lr": Distribution("uniform", (0.0, 1.0))}
    searcher = make_searcher(search, space, metric="acc", mode=Mode.MAX, seed=1)
    assert searcher.suggest(0) is not None
    assert searcher.suggest(1) is None
    asked = searcher._searcher.asked
    assert searcher.suggest(1) is None
    assert searcher._searcher.asked == asked
    searcher.report(0, 1, 0.5)
    assert searcher.suggest(1) is None
    assert searcher._searcher.asked > asked
    searcher.complete(0, 0.5)
    assert searcher.suggest(1) is not None


def test_a_value_that_is_missing_is_named() -> None:
    space = {"lr": CONTINUOUS["lr"], "momentum": Distribution("uniform", (0.0, 1.0))}
    search = SearchSpec(f"{__name__}:Diagonal")
    searcher = make_searcher(search, space, metric="acc", mode=Mode.MAX, seed=1)
    with pytest.raises(UsageError, match="suggests no value for 'momentum'"):
        searcher.suggest(0)


@pytest.mark.parametrize("sampler", ["gp", "qmc", "NSGAIISampler", "nsga-iii"])
def test_optunas_samplers_go_by_their_names(sampler: str) -> None:
    space = {"units": MIXED["width"], "drop": MIXED["drop"]}
    suggested = []
    for _ in range(2):
        search = SearchSpec("optuna", options={"sampler": sampler})
        searcher = make_searcher(search, space, metric="acc", mode=Mode.MAX, seed=1)
        for number in range(3):
            suggested.append(searcher.suggest(number))
            searcher.complete(number, 0.5)
    assert suggested[:3] == suggested[3:]


def test_an_exhausted_space_ends_the_search() -> None:
    space = {"layers": Distribution("randint", (1, 4))}
    search = SearchSpec("optuna", options={"sampler": "bruteforce"})
    searcher = make_searcher(search, space, metric="acc", mode=Mode.MAX, seed=1)
    seen = []
    for number in range(10):
        values = searcher.suggest(number)
        if values is None:
            break
        seen.append(values["layers"])
        searcher.complete(number, 0.5)
    assert sorted(seen) == [1, 2, 3]


@pytest.mark.parametrize("algorithm", ["optuna", "hyperopt", "bohb"])
def test_a_space_of_one_point_is_suggested(algorithm: str) -> None:
    space = {"a": Distribution("choice", ([1],)), "b": Distribution("randint", (3, 4))}
    searcher = make_searcher(SearchSpec(algorithm), space, metric="acc", mode=Mode.MAX, seed=1)
    assert searcher.suggest(0) == {"a": [1], "b": 3}
    searcher.report(0, 1, 0.5)
    searcher.complete(0, 0.5)


def test_bayesopt_names_the_parameter_that_is_not_continuous() -> None:
    with pytest.raises(UsageError, match=r"bayesopt takes continuous .* 'layers\[0\]' is randint"):
        make_searcher(SearchSpec("bayesopt"), MIXED, metric="acc", mode=Mode.MAX, seed=1)
