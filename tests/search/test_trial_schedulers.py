"""Every scheduler brings a pool of variants to its end; what each is for."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.tune.schedulers import FIFOScheduler
from simulated import Pool, Simulated, made, population

from nbexp.decisions import DecisionKind
from nbexp.pipeline import Mode
from nbexp.states import State


class EveryOther(FIFOScheduler):
    """A user's own: stops every other one at its second report."""

    def __init__(self, at: int = 2) -> None:
        super().__init__()
        self.at = at

    def on_trial_result(self, _: Any, trial: Any, result: dict[str, Any]) -> str:
        is_chosen = int(trial.trial_id[1:]) % 2 == 0 and result["training_iteration"] >= self.at
        return self.STOP if is_chosen else self.CONTINUE


class SchedulerContract:
    """What holds of every scheduler."""

    type: str
    options: dict[str, Any] = {}  # noqa: RUF012 - each scheduler's own

    def pool(self, variants: list[Simulated] | None = None, slots: int = 4, seed: int = 1) -> Pool:
        return Pool(made(self.type, seed=seed, **self.options), variants or population(), slots)

    @pytest.mark.parametrize("slots", [1, 4, 27])
    def test_all_variants_come_to_an_end(self, slots: int) -> None:
        pool = self.pool(slots=slots).run()
        assert {v.state for v in pool.variants.values()} <= {State.FINISHED, State.PRUNED}

    @pytest.mark.parametrize("count", [1, 2, 5, 11])
    def test_any_number_of_variants_comes_to_an_end(self, count: int) -> None:
        pool = self.pool(population(count), slots=3).run()
        assert all(v.state.is_final for v in pool.variants.values())

    @pytest.mark.parametrize("seed", range(6))
    def test_failures_and_early_ends_block_nothing(self, seed: int) -> None:
        rng = random.Random(seed)
        variants = population(seed=seed)
        for variant in variants:
            variant.fails_at = rng.choice([None, None, 1, 3, 4, 9, 10])
            variant.epochs = rng.choice([27, 27, 3, 9, 14])
        pool = self.pool(variants, slots=rng.choice([1, 2, 5])).run()
        assert all(v.state.is_final for v in pool.variants.values())

    @pytest.mark.parametrize("seed", range(4))
    def test_stops_of_those_that_wait_block_nothing(self, seed: int) -> None:
        rng = random.Random(seed)
        variants = population(seed=seed)
        stopped = [each.name for each in rng.sample(variants, 18)]
        scheduler = made(self.type, seed=1, **self.options)
        pool = Pool(scheduler, variants, rng.choice([1, 3, 9]), stopped).run()
        assert State.STOPPED in {each.state for each in pool.variants.values()}

    def test_same_seed_and_reports_give_same_decisions(self) -> None:
        runs = []
        for noise in (1, 2):
            random.seed(noise)
            np.random.seed(noise)
            runs.append(self.pool(seed=3).run().decisions)
        assert runs[0] == runs[1]

    def test_global_random_state_is_left_alone(self) -> None:
        random.seed(5)
        np.random.seed(5)
        before = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[union-attr]
        self.pool(population(5)).run()
        after = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[union-attr]
        assert before == after

    @pytest.mark.usefixtures("no_ray")
    def test_nothing_is_printed_written_or_started(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        self.pool(population(9)).run()
        assert capfd.readouterr() == ("", "")
        assert not list(tmp_path.iterdir())

    def test_what_was_reported_before_decides_nothing(self) -> None:
        scheduler = made(self.type, **self.options)
        for name in ("v0", "v1"):
            scheduler.add(name, {"lr": 0.1})
            scheduler.recall(name, [(0, 0.1), (1, 0.2), (2, 0.3)])
        assert scheduler.take_orders() == []
        scheduler.start("v0")
        assert scheduler.report("v0", 2, 0.3, 1.0).kind is DecisionKind.CONTINUE
        scheduler.complete("v0", 0.3)
        scheduler.start("v1")
        scheduler.report("v1", 3, 0.4, 1.0)
        scheduler.remove("v1")

    def test_a_resumed_pool_comes_to_its_end(self) -> None:
        pool = self.pool(population(9), slots=3)
        for index, variant in enumerate(pool.variants.values()):
            variant.step = index
            points = [(step, variant.train(0.0, step, {})) for step in range(1, index + 1)]
            pool.scheduler.recall(variant.name, points)
        pool.run()

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_values_that_are_not_finite_block_nothing(self, value: float) -> None:
        variants = population(9)
        for variant in variants[::2]:
            variant.train = lambda *_: value
        self.pool(variants, slots=3).run()

    def test_calls_about_an_ended_variant_change_nothing(self) -> None:
        scheduler = made(self.type, **self.options)
        scheduler.add("v0", {"lr": 0.1})
        scheduler.start("v0")
        scheduler.complete("v0", None)
        scheduler.complete("v0", 0.3)
        scheduler.remove("v0")
        scheduler.paused("v0")
        scheduler.recall("v0", [(1, 0.5)])
        assert scheduler.choose([]) is None


class Halving(SchedulerContract):
    """What holds of those that stop the worse ones early."""

    def test_less_is_spent_than_in_full_and_the_best_is_kept(self) -> None:
        pool = self.pool().run()
        assert pool.spent < 27 * 27 * 0.8
        best = pool.variants["v26"]
        assert best.state is State.FINISHED
        assert pool.of_kind(DecisionKind.STOP)

    def test_a_reason_names_step_and_value(self) -> None:
        _, step, decision = self.pool().run().of_kind(DecisionKind.STOP)[0]
        assert decision.reason.startswith(f"{self.type} stopped it at step {step}: acc 0.")

    def test_smaller_is_better_in_mode_min(self) -> None:
        variants = population()
        for variant in variants:
            variant.train = lambda *args, up=variant.train: 1 - up(*args)
        pool = Pool(made(self.type, Mode.MIN, **self.options), variants).run()
        assert pool.variants["v26"].state is State.FINISHED
        assert pool.spent < 27 * 27


class TestAsha(Halving):
    type = "asha"
    options = {"max_t": 27, "reduction_factor": 3}  # noqa: RUF012

    def test_one_that_reached_max_t_ends_and_is_not_stopped(self) -> None:
        variants = population(epochs=50)
        pool = Pool(made("asha", max_t=20), variants).run()
        ended = pool.of_kind(DecisionKind.END)
        assert {step for _, step, _ in ended} == {20}
        assert all(pool.variants[name].state is State.FINISHED for name, _, _ in ended)

    def test_one_that_ended_ends_again_when_it_is_executed_anew(self) -> None:
        scheduler = made("asha", max_t=3)
        scheduler.add("a", {})
        scheduler.start("a")
        kinds = [scheduler.report("a", step, 0.5, 1.0).kind for step in (1, 2, 3)]
        assert kinds[-1] is DecisionKind.END
        scheduler.start("a")
        kinds = [scheduler.report("a", step, 0.5, 1.0).kind for step in (1, 2, 3, 4)]
        assert kinds == [DecisionKind.CONTINUE] * 2 + [DecisionKind.END] * 2

    def test_recalled_results_are_what_newcomers_are_compared_with(self) -> None:
        scheduler = made("asha", max_t=9)
        for name in ("a", "b", "c"):
            scheduler.add(name, {})
            scheduler.recall(name, [(1, 0.9)])
            scheduler.complete(name, 0.9)
        scheduler.add("d", {})
        scheduler.start("d")
        assert scheduler.report("d", 1, 0.1, 1.0).kind is DecisionKind.STOP


class TestHyperBand(Halving):
    type = "hyperband"
    options = {"max_t": 27}  # noqa: RUF012

    def test_max_t_that_is_no_power_ends_survivors_with_their_notebooks(self) -> None:
        pool = Pool(made("hyperband", max_t=20), population(epochs=20)).run()
        assert pool.of_kind(DecisionKind.END)

    def test_a_variant_that_is_paused_is_chosen_again_only_when_its_bracket_is_ready(self) -> None:
        scheduler = made("hyperband", max_t=9)
        for name in ("a", "b", "c", "d", "e", "f"):  # three for the first bracket, then more
            scheduler.add(name, {})
            scheduler.start(name)
        assert scheduler.report("d", 3, 0.5, 1.0).kind is DecisionKind.CONTINUE
        assert [scheduler.report("d", s, 0.5, 1.0).kind for s in (4, 5)][-1] is DecisionKind.PAUSE
        scheduler.paused("d")
        assert scheduler.choose(["d"]) is None  # the others still run


class TestMedian(Halving):
    type = "median"

    def test_it_pauses_none_unless_told_to(self) -> None:
        assert not self.pool().run().of_kind(DecisionKind.PAUSE)

    def test_soft_stop_pauses_and_all_come_to_an_end(self) -> None:
        pool = Pool(made("median", hard_stop=False, min_time_slice=0), population()).run()
        assert pool.of_kind(DecisionKind.PAUSE)


class TestPbt(SchedulerContract):
    type = "pbt"
    options = {"perturbation_interval": 3}  # noqa: RUF012


class TestPbtInSync(SchedulerContract):
    type = "pbt"
    options = {"perturbation_interval": 3, "synch": True}  # noqa: RUF012


class TestBohb(Halving):
    type = "bohb"
    options = {"max_t": 27}  # noqa: RUF012


class TestOwnScheduler(SchedulerContract):
    type = f"{__name__}:EveryOther"

    def test_it_decides_with_its_own_options(self) -> None:
        pool = Pool(made(f"{__name__}.EveryOther", at=4), population(6)).run()
        assert {v.name for v in pool.variants.values() if v.state is State.PRUNED} == {
            "v0",
            "v2",
            "v4",
        }
        assert pool.of_kind(DecisionKind.STOP)[0][2].reason.startswith("EveryOther stopped it")


@pytest.mark.parametrize("type_", ["hyperband", "bohb"])
@pytest.mark.parametrize("is_late", [False, True])
def test_a_bracket_goes_on_without_one_that_was_stopped_before_it_ran(
    type_: str, is_late: bool
) -> None:
    scheduler = made(type_, max_t=3)  # brackets of 2 and 3 or 3 and 2; those of 3 halve at step 1
    names = ["w0", "w1", "a", "b", "c"] if type_ == "hyperband" else ["a", "b", "c", "w0", "w1"]
    for name in names:
        scheduler.add(name, {})
    for name in ("w0", "w1", "a", "b"):  # others go on running
        scheduler.start(name)
    if not is_late:
        scheduler.remove("c")
    kinds = {name: scheduler.report(name, 1, v, 1.0).kind for name, v in (("a", 0.1), ("b", 0.9))}
    for name, kind in kinds.items():
        if kind is DecisionKind.PAUSE:
            scheduler.paused(name)
    if is_late:
        scheduler.remove("c")
    assert [(name, each.kind) for name, each in scheduler.take_orders()] == [
        ("a", DecisionKind.STOP)
    ]
    goes_on = kinds["b"] is DecisionKind.CONTINUE or scheduler.choose(["b"]) == "b"
    assert goes_on


def test_a_decision_between_pause_and_slot_given_up_is_to_pause() -> None:
    scheduler = made("hyperband", max_t=3)
    for name in ("a", "b", "c", "d"):
        scheduler.add(name, {})
        scheduler.start(name)
    assert scheduler.report("c", 1, 0.1, 1.0).kind is DecisionKind.PAUSE
    assert scheduler.report("c", 2, 0.1, 1.0).kind is DecisionKind.PAUSE
    assert scheduler.choose([]) is None
