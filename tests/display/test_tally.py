"""How a run stands, in numbers."""

from __future__ import annotations

import pytest
from told_events import ERROR, Told

from nbexp.display import Tally
from nbexp.runs.events import EventKind
from nbexp.states import State


def test_a_variant_that_pauses_and_goes_on_is_counted_once():
    tally = Tally()
    told = Told(tally, Tally())
    told.begin()
    stage = tally.stages["train"]
    for name in ("a", "b"):
        told.add(name)
        told.start(name)
    told.pause("a")
    assert (set(stage.running), stage.paused, stage.total, stage.left) == ({"b"}, {"a"}, 2, 2)
    told(EventKind.VARIANT_EXPLOITED, variant="a", stage="train", donor="b", step=1, params={})
    told.start("a")
    assert (set(stage.running), stage.paused, stage.total) == ({"a", "b"}, set(), 2)
    told.pause("b")
    told.end("b", "pruned", note="asha stopped it at step 1: acc 0.1")
    told.end("a", "finished")
    assert (stage.running, stage.paused, stage.left) == ({}, set(), 0)
    assert tally.counts == {State.PRUNED: 1, State.FINISHED: 1}
    assert tally.most_running == 2


@pytest.mark.parametrize(("score", "best"), [("last", (0.6, "b lr=2")), ("best", (0.9, "a lr=1"))])
def test_the_best_so_far_is_also_of_what_goes_on(score: str, best: tuple[float, str]):
    tally = Tally()
    told = Told(tally, Tally())
    metrics = {"train": ["acc", "max", score]}
    told(EventKind.RUN_STARTED, run="r", pipeline="r", stages=["train"], metrics=metrics)
    for name, label in (("a", "lr=1"), ("b", "lr=2"), ("c", "")):
        told.add(name, label)
        told.start(name)
    told.log("a", (0, {"acc": 0.9}), (1, {"loss": 5.0}), (2, {"acc": 0.5}))
    told.log("b", (0, {"acc": 0.6}), (1, {"acc": float("nan")}))
    told.log("c", (0, {"acc": 0.99}))
    told.pause("b")
    told.end("c", "failed", error=ERROR)
    assert tally.stages["train"].best == best
    told.end("b", "pruned", "lr=2", metric=0.95)
    assert tally.stages["train"].best == (0.95, "b lr=2")


def test_the_best_has_the_parameters_that_it_went_on_with():
    tally = Tally()
    told = Told(tally, Tally())
    told.begin()
    told.add("a", "lr=0.5")
    told.start("a")
    changed = {"lr": 0.00123456}
    told(EventKind.VARIANT_EXPLOITED, variant="a", stage="train", donor="b", step=1, params=changed)
    told.start("a")
    told.end("a", "finished", "lr=0.5", metric=0.9)
    assert tally.stages["train"].best == (0.9, "a lr=0.5 (now lr=0.001235)")


def test_the_best_follows_the_mode():
    tally = Tally()
    told = Told(tally, Tally())
    metrics = {"stages": ["train"], "metrics": {"train": ["loss", "min"]}}
    told._listeners = (tally,)
    told(EventKind.RUN_STARTED, run="r", pipeline="r", **metrics)
    for name, loss in (("a", 0.5), ("b", 0.1), ("c", None), ("d", 0.1)):
        told.end(name, "finished", metric=loss)
    assert tally.stages["train"].best == (0.1, "b")
