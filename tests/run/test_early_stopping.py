"""Every search algorithm and every scheduler on one real pipeline."""

import importlib.util
import json
import os
import sqlite3
from collections import defaultdict
from pathlib import Path
from typing import Any

import psutil
import pytest

import nbexp
from nbexp import RunResult, State
from nbexp.metrics import read_metrics
from nbexp.runs.events import EventKind

PARAMETERS = "lr = 0.1\nepochs = 9\n"
# What it reaches hangs on lr alone; no two learning rates are alike.
TRAIN = """\
import math, os, nbexp
print("kernel", os.getpid())
state = nbexp.checkpoint(score=0.0, course=[])
for epoch in nbexp.loop("epoch", range(epochs)):
    quality = 1 - abs(math.log10(lr) + 2) / 3
    state.score += quality * 0.3 * (1 - state.score)
    state.course.append([epoch, lr])
    nbexp.log({"acc": state.score, "twice": 2 * state.score}, step=epoch)
"""
GLUE = "nbexp.glue('acc', state.score); nbexp.glue('course', state.course)"
LR = "{ loguniform = [1e-4, 1e-0] }"
STAGES = {
    "asha": ("optuna", 'type = "asha", max_t = 9, grace_period = 1, reduction_factor = 3', 9),
    "hyperband": ("random", 'type = "hyperband", max_t = 9', 9),
    "median": ("hyperopt", 'type = "median", grace_period = 2, min_samples_required = 2', 6),
    "pbt": ("random", 'type = "pbt", perturbation_interval = 2, quantile_fraction = 0.5', 4),
    "bohb": ("bohb", 'type = "bohb", max_t = 9', 9),
    "bayes": ("bayesopt", 'type = "asha", max_t = 9', 5),
    "own": ("own_search:Halving", 'type = "own_search:StopAfterThree"', 3),
    "fails": ("random", 'type = "own_search:Failing"', 2),
}
if importlib.util.find_spec("hpbandster") is None:  # its tests are skipped, which say why
    RUN = {name: settings for name, settings in STAGES.items() if name != "bohb"}
else:
    RUN = STAGES
OWN = """\
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

class Halving(Searcher):
    def set_search_properties(self, metric, mode, config, **spec):
        return True

    def suggest(self, trial_id):
        self.lr = getattr(self, "lr", 0.02) / 2
        return {"lr": self.lr}

    def on_trial_complete(self, trial_id, result=None, error=False):
        pass

class StopAfterThree(FIFOScheduler):
    def on_trial_result(self, controller, trial, result):
        return TrialScheduler.STOP if result["training_iteration"] >= 3 else TrialScheduler.CONTINUE

class Failing(FIFOScheduler):
    def on_trial_result(self, controller, trial, result):
        return 1 / 0
"""


def stage_text(name: str, algorithm: str, scheduler: str, samples: int) -> str:
    uniform = "{ uniform = [0.001, 1.0] }"  # of what BayesOpt takes
    lr = uniform if algorithm == "bayesopt" else LR
    return f"""
[stages.{name}]
notebook = "templates/train.ipynb"
metric = "acc"
params = {{ lr = {lr} }}
search = {{ algorithm = "{algorithm}", samples = {samples} }}
scheduler = {{ {scheduler} }}
reduce = {{ keep = 1, score = "best" }}
"""


@pytest.fixture(scope="module")
def run(own_project, inline) -> RunResult:
    own_project.template("train", TRAIN, GLUE, parameters=PARAMETERS)
    (own_project.folder / "own_search.py").write_text(OWN)
    text = "".join(stage_text(name, *settings) for name, settings in RUN.items())
    own_project.pipeline(f'name = "early"\nseed = 3\n{text}')
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(own_project.folder))
        return nbexp.Pipeline.from_toml(own_project.file).run(inline=inline)


@pytest.fixture(scope="module")
def events(run) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for line in (run.folder / "events.jsonl").read_text().splitlines():
        record = json.loads(line)
        found[record["event"]].append(record)
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_all_variants_of_a_stage_finish_or_are_pruned(run, stage):
    variants = run.stage(stage)
    assert len(variants) == STAGES[stage][2]
    assert {variant.state for variant in variants} <= {State.FINISHED, State.PRUNED}
    assert sum(variant.is_kept for variant in variants) == 1


@pytest.mark.parametrize("stage", ["asha", "hyperband", "median", "bohb", "own"])
def test_scheduler_spares_epochs(run, stage):
    variants = run.stage(stage)
    epochs = [len(read_metrics(variant.folder / "metrics.jsonl")) for variant in variants]
    assert sum(epochs) < 9 * len(variants)
    pruned = [variant for variant in variants if variant.state is State.PRUNED]
    assert pruned
    assert all(variant.metric is not None for variant in pruned)


def test_scheduler_that_fails_costs_a_warning_and_no_variant(run, events, inline):
    assert [v.state for v in run.stage("fails")] == [State.FINISHED] * 2
    warnings = [e["message"] for e in events[EventKind.WARNING]]
    assert all(each.startswith("inline: ") for each in warnings[:-1])
    assert len(warnings) == 1 + inline
    warning = warnings[-1]
    assert "the scheduler failed on fails-" in warning
    assert "division by zero" in warning


def test_variant_that_reaches_the_limit_finishes_its_notebook(run):
    finished = [v for v in run.stage("asha") if v.state is State.FINISHED]
    assert finished
    assert all(len(v.scraps["course"]) == 9 for v in finished)


def test_no_iteration_runs_after_stop(run):
    for variant in run.stage("own"):
        assert variant.state is State.PRUNED
        assert [entry.step for entry in read_metrics(variant.folder / "metrics.jsonl")] == [0, 1, 2]


def test_pruned_notebook_says_so_at_the_cell_where_it_ended(run):
    for variant in run.variants:
        if variant.state is State.PRUNED:
            cells = json.loads(variant.notebook.read_text())["cells"]
            told = [str(cell.get("outputs")) for cell in cells]
            (place,) = [n for n, text in enumerate(told) if "stopped it at step" in text]
            assert "nbexp.loop" in "".join(cells[place]["source"])
            assert "Traceback" not in told[place]
            assert cells[-1]["outputs"] == []


def test_variant_that_paused_went_on_where_it_had_stopped(run, events):
    paused = {event["variant"] for event in events[EventKind.VARIANT_PAUSED]}
    assert any(name.startswith("hyperband") for name in paused)
    for variant in run.stage("hyperband"):
        steps = [entry.step for entry in read_metrics(variant.folder / "metrics.jsonl")]
        assert steps == list(range(len(steps)))
        if variant.state is State.FINISHED:
            assert [epoch for epoch, _ in variant.scraps["course"]] == list(range(9))
    for event in events[EventKind.VARIANT_ENDED]:
        outcome = json.loads(
            (run.folder / "variants" / event["variant"] / "result.json").read_text()
        )
        assert outcome["ended"] - outcome["started"] == pytest.approx(event["duration_s"])
    starts = [e["variant"] for e in events[EventKind.VARIANT_STARTED]]
    lines = (run.folder / "variants" / sorted(paused)[0] / "metrics.jsonl").read_text().splitlines()
    assert len(starts) > len(set(starts))
    assert len(lines) <= 9  # nothing was trained twice


def test_pbt_goes_on_from_a_donor_with_other_values(run, events):
    exploits = [e for e in events[EventKind.VARIANT_EXPLOITED] if e["stage"] == "pbt"]
    assert exploits
    for event in exploits:
        variant = next(v for v in run.stage("pbt") if v.name == event["variant"])
        donor = next(v for v in run.stage("pbt") if v.name == event["donor"])
        assert variant is not donor
        notebook = variant.notebook.read_text()
        assert f"went on from {event['donor']} after step {event['step']}" in notebook
        history = json.loads((variant.folder / "history.json").read_text())
        assert event["donor"] in [each.get("donor") for each in history]


def test_course_of_a_variant_that_exploited_begins_with_its_donors(run, events):
    last = {e["variant"]: e for e in events[EventKind.VARIANT_EXPLOITED] if e["stage"] == "pbt"}
    for name, event in last.items():
        variant = next(v for v in run.stage("pbt") if v.name == name)
        course = variant.scraps["course"]
        assert [epoch for epoch, _ in course] == list(range(9))
        own_lr = {lr for epoch, lr in course if epoch > event["step"]}
        assert own_lr == {variant.params["lr"]}


@pytest.mark.usefixtures("only_ray")
def test_no_kernel_is_left(run):
    pids = set()
    for variant in run.variants:
        for line in (variant.folder / "log.txt").read_text().splitlines():
            if line.startswith("kernel "):
                pids.add(int(line.split()[1]))
    assert len(pids) >= len(run.variants)
    assert not [pid for pid in pids if psutil.pid_exists(pid) and pid != os.getpid()]


def test_every_metric_is_in_mlflow(run, own_project):
    database = sqlite3.connect(own_project.folder / "mlflow.db")
    query = (
        "select t.value, m.key, m.step, m.value from metrics m "
        "join tags t on t.run_uuid = m.run_uuid and t.key = 'nbexp.variant'"
    )
    known = {(name, key, step): value for name, key, step, value in database.execute(query)}
    for variant in run.variants:
        for entry in read_metrics(variant.folder / "metrics.jsonl"):
            for key, value in entry.values.items():
                assert (variant.name, key, entry.step) in known
                if variant.stage != "pbt":  # which logs a step again after an exploit
                    assert known[variant.name, key, entry.step] == pytest.approx(value)


def test_every_variant_is_in_tensorboard(run):
    files = {path.parents[1].name for path in run.folder.glob("tensorboard/*/*/events*")}
    assert files == set(RUN)


@pytest.mark.usefixtures("only_ray")
def test_second_run_executes_nothing(run, own_project, recorder):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(own_project.folder))
        again = nbexp.Pipeline.from_toml(own_project.file).run(listeners=[recorder])
    assert recorder.of(EventKind.VARIANT_STARTED) == []
    assert {v.name: v.metric for v in again.variants} == {v.name: v.metric for v in run.variants}
    assert [v.name for v in again.variants if v.is_kept] == [
        v.name for v in run.variants if v.is_kept
    ]


@pytest.mark.usefixtures("only_ray")
def test_plan_knows_what_was_suggested_before(run, own_project):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(own_project.folder))
        plan = nbexp.Pipeline.from_toml(own_project.file).plan()
    assert {each.name for each in plan.variants} == {each.name for each in run.variants}
    assert {each.state for each in plan.variants} == {State.CACHED}
    assert sum(stage.to_suggest for stage in plan.stages) == 0
    assert isinstance(run.folder, Path)
