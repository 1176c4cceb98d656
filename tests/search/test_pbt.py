"""What population-based training copies, changes and improves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from simulated import SPACE, Pool, Simulated, made

from nbexp.decisions import DecisionKind
from nbexp.pipeline import Distribution, Grid, Mode
from nbexp.pipeline.spec import SchedulerSpec
from nbexp.search import make_scheduler


def toy(score: float, step: int, values: Any) -> float:
    """A state that grows the faster, the nearer the learning rate is to what it needs by now."""
    wanted = 0.5 * 0.8 ** (step / 3)
    return score + max(0.0, 1 - abs(np.log(values["lr"] / wanted)))


def learners(seed: int, count: int = 8, epochs: int = 30) -> list[Simulated]:
    draws = [SPACE["lr"].draw(seed, i) for i in range(count)]
    return [Simulated(f"v{i}", {"lr": lr}, toy, epochs) for i, lr in enumerate(draws)]


@pytest.mark.parametrize(("synch", "slots"), [(False, 8), (False, 3), (True, 8), (True, 3)])
def test_pbt_improves_on_the_same_draws_without(synch: bool, slots: int) -> None:
    gains = []
    for seed in range(3):
        pbt = made("pbt", perturbation_interval=3, synch=synch)
        alone = made("ray.tune.schedulers:FIFOScheduler")
        gains.append(
            Pool(pbt, learners(seed), slots).run().best
            - Pool(alone, learners(seed), slots).run().best
        )
    assert sum(gains) > 0
    assert min(gains) >= 0


def test_exploit_names_donor_step_and_new_values() -> None:
    pool = Pool(made("pbt", perturbation_interval=3), learners(0), slots=8).run()
    for name, step, decision in pool.of_kind(DecisionKind.EXPLOIT):
        assert decision.donor in pool.variants
        assert decision.donor != name
        assert decision.donor_step is not None
        assert 1e-3 <= decision.values["lr"] <= 1.0
        donor = f"{decision.donor} (step {decision.donor_step})"
        assert decision.reason.startswith(f"pbt had it go on from {donor} at step {step}: acc ")
    assert pool.of_kind(DecisionKind.EXPLOIT)


def test_pbt_keeps_values_within_their_space_and_whole_numbers_whole() -> None:
    space = {
        "lr": Distribution("uniform", (0.0, 1.0)),
        "layers": Distribution("randint", (1, 5)),
        "width": Distribution("qrandint", (8, 64, 8)),
        "drop": Distribution("quniform", (0.0, 0.5, 0.1)),
        "name": Distribution("choice", ("a", None, [1, 2])),
    }
    spec = SchedulerSpec("pbt", {"perturbation_interval": 1, "resample_probability": 0.3})
    scheduler = make_scheduler(spec, metric="acc", mode=Mode.MAX, seed=2, space=space)
    variants = [
        Simulated(f"v{i}", {k: d.draw(i, k) for k, d in space.items()}, lambda s, *_: s + 1)
        for i in range(8)
    ]
    for index, variant in enumerate(variants):
        variant.train = lambda _, step, __, i=index: i + step / 100
    pool = Pool(scheduler, variants, slots=8).run()
    exploits = pool.of_kind(DecisionKind.EXPLOIT)
    assert len(exploits) > 10
    for _, _, decision in exploits:
        values = decision.values
        assert type(values["layers"]) is int
        assert 1 <= values["layers"] < 5
        assert values["width"] in range(8, 65, 8)
        assert values["drop"] in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
        assert 0 <= values["lr"] <= 1
        assert values["name"] in ("a", None, [1, 2])


def test_mutations_of_its_own_may_be_nested_and_lists() -> None:
    space = {"optimizer.lr": SPACE["lr"], "width": Distribution("randint", (1, 100))}
    mutations = {
        "optimizer": {"lr": Distribution("uniform", (0.1, 0.2))},
        "width": Grid((16, 32, 64)),
    }
    spec = SchedulerSpec("pbt", {"perturbation_interval": 1, "hyperparam_mutations": mutations})
    scheduler = make_scheduler(spec, metric="acc", mode=Mode.MAX, seed=2, space=space)
    variants = [
        Simulated(f"v{i}", {"optimizer.lr": 0.15, "width": 32}, lambda s, *_: s) for i in range(8)
    ]
    for index, variant in enumerate(variants):
        variant.train = lambda _, step, __, i=index: i + step / 100
    exploits = Pool(scheduler, variants, slots=8).run().of_kind(DecisionKind.EXPLOIT)
    assert {d.values["width"] for _, _, d in exploits} <= {16, 32, 64}
    assert all(0.1 <= d.values["optimizer.lr"] <= 0.2 for _, _, d in exploits)


def test_steps_after_an_exploit_count_from_the_donors() -> None:
    scheduler = made("pbt", perturbation_interval=2)
    for name in ("good", "bad"):
        scheduler.add(name, {"lr": 0.1})
        scheduler.start(name)
    for step in range(1, 5):
        scheduler.report("good", step, 1.0, 1.0)
        decision = scheduler.report("bad", step, 0.1, 1.0)
    assert decision.kind is DecisionKind.EXPLOIT
    assert (decision.donor, decision.donor_step) == ("good", 4)
    scheduler.paused("bad")
    scheduler.start("bad")
    assert scheduler.report("bad", 5, 0.1, 1.0).kind is DecisionKind.CONTINUE
    assert scheduler.report("bad", 6, 0.1, 1.0).kind is DecisionKind.EXPLOIT


def test_values_that_an_earlier_exploit_changed_are_what_the_next_one_starts_from() -> None:
    mutations = {"lr": Distribution("uniform", (0.0, 1e9))}
    options = {"hyperparam_mutations": mutations, "resample_probability": 0.0}
    scheduler = made("pbt", perturbation_interval=1, **options)
    for name, changed in (("good", {"lr": 100.0}), ("bad", {"lr": 900.0})):
        scheduler.add(name, {"lr": 0.1})
        scheduler.recall(name, [(1, 0.5)], changed)
        scheduler.start(name)
    for step in (2, 3):  # a donor is asked for a snapshot when there are others to compare with
        scheduler.report("good", step, 1.0, 1.0)
        decision = scheduler.report("bad", step, 0.1, 1.0)
    assert decision.kind is DecisionKind.EXPLOIT
    assert decision.values["lr"] == pytest.approx(100, rel=0.21)  # of the donor, times 0.8 or 1.2
