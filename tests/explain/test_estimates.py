"""How long runs take, and how long they still go on."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from projects import notebook, write
from told_events import Told

from nbexp.display import Tally
from nbexp.explain.estimates import TimeLeft, plan_record, seconds_text, slots, wall_of, work_of
from nbexp.pipeline import Pipeline, SearchSpec, Stage, build_pipeline
from nbexp.plan import Plan, PlannedStage, PlannedVariant, Seconds, Took, code_of
from nbexp.runs.events import EventKind
from nbexp.states import State


def planned(stage: str, count: int, work: Seconds | None) -> PlannedStage:
    variants = (PlannedVariant(f"{stage}-{n}", stage, "", "k", State.PENDING) for n in range(count))
    return PlannedStage(stage, tuple(variants), False, work)


def plan_of(**works: Seconds | None) -> Plan:
    """Return a plan of stages with two variants each that need the whole machine."""
    one = Stage("any", ())
    alone = replace(one, resources=replace(one.resources, cpu=10_000.0))
    pipeline = Pipeline("r", Path(), {name: replace(alone, name=name) for name in works})
    return Plan(pipeline, tuple(planned(name, 2, work) for name, work in works.items()))


def test_what_runs_one_at_a_time_takes_as_long_as_its_work():
    plan = plan_of(a=Seconds(1.0, 2.0, 3.0), b=Seconds(10.0, 10.0, 10.0))
    assert slots(plan.pipeline, "a") == 1
    assert work_of(plan) == wall_of(plan) == Seconds(11.0, 12.0, 13.0)
    record = plan_record(plan)
    assert (record["work_s"], record["wall_s"], record["work_range_s"]) == (
        12.0,
        12.0,
        [11.0, 13.0],
    )


def test_a_stage_of_which_nothing_is_known_leaves_the_whole_unknown():
    plan = plan_of(a=Seconds(1.0, 2.0, 3.0), b=None)
    record = plan_record(plan)
    assert (record["work_s"], record["wall_s"], record["work_range_s"]) == (None, None, None)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Seconds(40.0, 41.0, 42.0), "about 41 s"),
        (Seconds(0.0, 20.0, 90.0), "up to 1 min 30 s"),
        (Seconds(40.0, 90.0, 200.0), "40 s to 3 min 20 s"),
    ],
)
def test_estimates_are_said_as_exactly_as_they_are(estimate: Seconds, text: str):
    assert seconds_text(estimate) == text


def test_time_left_counts_pruned_ones_as_done_and_follows_a_search_that_grows():
    search = SearchSpec(algorithm="optuna", samples=10)
    stages = {"train": Stage("train", (), search=search)}
    time_left = TimeLeft(Pipeline("r", Path(), stages), {})
    tally = Tally()
    told = Told(tally)
    told(EventKind.RUN_STARTED, run="r", pipeline="r", stages=["train"], metrics={})
    assert time_left.of(tally).text == ""
    told.add("a")
    told.end("a", "pruned", duration_s=1000.0)
    expected = time_left._stage_left(tally.stages["train"], 1)
    for name in "bcdefghijkl":  # one more than it was to suggest
        told.add(name)
    for name in "bcdefghijk":
        told.end(name, "finished", duration_s=1000.0)
    left = time_left._stage_left(tally.stages["train"], 1)
    assert expected is not None
    assert left is not None
    assert expected.mean > left.mean > 0
    told.end("l", "pruned", duration_s=1000.0)
    assert time_left.of(tally).text == ""


def test_time_left_says_how_much_it_knows():
    tally = Tally()
    told = Told(tally)
    stages = {name: Stage(name, ()) for name in ("train", "test")}
    time_left = TimeLeft(Pipeline("r", Path(), stages), {})
    told.begin()
    told.add("train-0")
    told.add("train-1")
    assert time_left.of(tally).text == ""
    told.end("train-0", "finished")
    assert time_left.of(tally).text == "more than 2 s left"


EPOCHS = {"a": 1, "b": 10, "c": 100}


def epochs_of(folder: Path, *earlier: int) -> tuple[Told, Tally, TimeLeft]:
    """Return a run of a stage that trains for 1, 10 and 100 epochs, after earlier runs."""
    write(folder / "train.ipynb", notebook(parameters="epochs = 1"))
    grid = {"epochs": {"grid": list(EPOCHS.values())}}
    stage = {"notebook": "train.ipynb", "params": grid, "resources": {"cpu": 1}}
    tally = Tally()
    told = Told(tally)
    spec = build_pipeline({"stages": {"train": stage}}, folder=folder)
    told(EventKind.RUN_STARTED, run="r", pipeline="r", stages=["train"], metrics={})
    for name, epochs in EPOCHS.items():
        told.add(name, f"epochs={epochs}")
    code = code_of(spec.stages["train"].templates[0].code, {})
    took = [Took(30.0, {"epochs": epochs}, code) for epochs in earlier]
    return told, tally, TimeLeft(spec, {"train": took})


def run_one(told: Told, name: str, duration_s: float) -> None:
    params = {"epochs": EPOCHS[name]}
    told(EventKind.VARIANT_STARTED, variant=name, stage="train", attempt=1, params=params)
    told.end(name, "finished", duration_s=duration_s)


def test_what_is_quick_says_nothing_of_what_has_other_parameters(tmp_path: Path):
    told, tally, time_left = epochs_of(tmp_path)
    run_one(told, "a", 2.0)
    assert time_left.of(tally).text == ""
    run_one(told, "c", 200.0)
    assert time_left.of(tally).text == "2 s to 3 min 20 s left"


def test_time_left_is_known_where_parameters_made_no_difference(tmp_path: Path):
    told, tally, time_left = epochs_of(tmp_path)
    run_one(told, "a", 20.0)
    run_one(told, "c", 22.0)
    assert time_left.of(tally).text == "about 21 s left"


def test_what_runs_longer_than_all_before_makes_the_time_left_a_lower_bound(tmp_path: Path):
    told, tally, time_left = epochs_of(tmp_path)
    run_one(told, "a", 20.0)
    run_one(told, "c", 22.0)
    told.add("d")
    tally.stages["train"].start({"variant": "b"}, time.time() - 1000.0)
    assert re.fullmatch("more than .* left", time_left.of(tally).text)


@pytest.mark.parametrize(("highest", "shown"), [(1, ""), (10, ""), (100, "about .* s left")])
def test_earlier_runs_tell_only_of_parameters_like_theirs(tmp_path: Path, highest: int, shown: str):
    _, tally, time_left = epochs_of(tmp_path, 1, highest)
    assert re.fullmatch(shown, time_left.of(tally).text)
