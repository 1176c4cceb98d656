"""What commands show of variants that paused, were pruned, or went on from others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cli_project import Nbexp, write_template

from nbexp.files import append_line, write_json
from nbexp.runs.folder import RunFolder
from nbexp.runs.lineage import changes_text, descent, descent_text
from nbexp.runs.record import VariantRecord

Steps = Iterable[tuple[int, float]]


class Written:
    """A run under PBT, as a driver leaves its folder: a ← b (step 4) ← c (step 2)."""

    def __init__(self, root: Path) -> None:
        self.run = RunFolder(root / "runs" / "r-1")
        self.run.variants.mkdir(parents=True)
        (self.run.path / "driver.lock").touch()
        self._time = 0.0
        metrics = {"train": ["acc", "max", "last"]}
        self.emit("run_started", run="r-1", pipeline="r", stages=["train"], metrics=metrics)

    def emit(self, event: str, /, **data: Any) -> float:
        self._time += 1.0
        append_line(self.run.events, {"time": self._time, "event": event, **data})
        return self._time

    def start(self, name: str, lr: float) -> None:
        data = {"variant": name, "stage": "train"}
        self.emit("variant_added", **data, label=f"lr={lr}", lineage={})
        self.emit("variant_started", **data, attempt=1, params={"lr": lr})
        self.run.variant(name).path.mkdir()
        parts = {"code": "c", "params": {"lr": lr}}
        record = VariantRecord(
            name, "train", f"lr={lr}", {"lr": lr}, {}, "0" * 64, parts, "train.ipynb"
        )
        write_json(self.run.variant(name).path / "variant.json", vars(record))

    def log(self, name: str, steps: Steps) -> None:
        entries = [{"time": 1.0, "step": step, "values": {"acc": v}} for step, v in steps]
        for entry in entries:
            append_line(self.run.variant(name).path / "metrics.jsonl", entry)
        self.emit("metrics", variant=name, stage="train", entries=entries)

    def pause(self, name: str, step: int) -> None:
        reason = f"pbt paused it at step {step}: acc 0.1"
        self.emit("variant_paused", variant=name, stage="train", reason=reason, step=step)

    def exploit(self, name: str, donor: str, step: int, **params: Any) -> None:
        self.pause(name, step)
        data = {"donor": donor, "step": step, "params": params}
        self.emit("variant_exploited", variant=name, stage="train", **data)
        self.emit("variant_started", variant=name, stage="train", attempt=1, params=params)

    def end(self, name: str, state: str, **data: Any) -> None:
        more = {"stage": "train", "label": "", "duration_s": 2.0, **data}
        self.emit("variant_ended", variant=name, state=state, **more)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    written = Written(tmp_path)
    for name, lr in (("train-a", 0.1), ("train-b", 0.2), ("train-c", 0.3), ("train-d", 0.4)):
        written.start(name, lr)
    written.exploit("train-b", "train-c", 2, lr=0.25)
    written.exploit("train-a", "train-d", 2, lr=0.4)
    written.log("train-a", [(0, 0.1), (1, 0.5), (2, 0.3), (5, 0.4)])
    written.exploit("train-a", "train-b", 4, lr=0.24)
    written.exploit("train-b", "train-d", 6, lr=0.5)
    written.log("train-c", [(0, 0.2), (1, 0.1)])
    note = "pbt stopped it at step 1: acc 0.1"
    written.end("train-c", "pruned", metric=0.1, note=note, label="lr=0.3")
    written.pause("train-d", 3)
    written.end("train-a", "finished", metric=0.4, label="lr=0.1")
    return written


@pytest.fixture
def alive(written: Written):
    written.run.try_lock()
    yield written
    written.run.unlock()


@pytest.fixture
def call(tmp_path: Path, nbexp: Nbexp) -> Callable[..., str]:
    def write(*arguments: str) -> str:
        result = nbexp(*arguments, "-C", tmp_path)
        assert result.exit_code == 0, result.output
        return result.output

    return write


def test_show_tells_state_step_and_from_whom_each_went_on(alive, call):
    shown = call("show")
    assert re.search(r"^r-1  running  1 running, 1 paused, 1 finished, 1 pruned$", shown, re.M)
    assert re.search(r"train-a  finished  5 +0\.4 .* lr=0\.1 +train-d@2 train-b@4$", shown, re.M)
    assert re.search(r"train-b  running  +lr=0\.2 +train-c@2 train-d@6$", shown, re.M)
    assert re.search(
        r"train-c  pruned +1 +0\.1 .* pbt stopped it at step 1: acc 0\.1$", shown, re.M
    )
    assert re.search(r"train-d  paused .*lr=0\.4 +pbt paused it at step 3", shown, re.M)


def test_of_a_long_lineage_the_nearest_are_shown(alive, call):
    lineage = {f"s{n}": f"s{n}-x" for n in range(7)}
    alive.emit("variant_added", variant="train-x", stage="train", label="", lineage=lineage)
    assert "\ntrain  from s3-x, s4-x, s5-x, s6-x and 3 before\n" in call("show")


def test_a_paused_run_is_shown_as_such_until_it_is_cut_off(alive, call):
    alive.emit("run_paused")
    assert "r-1  paused" in call("show")
    assert json.loads(call("ls", "--json"))[0]["state"] == "paused"
    assert json.loads(call("show", "--json"))["is_paused"] is True
    alive.run.unlock()
    assert "r-1  stopped" in call("show")


def test_show_of_a_variant_has_the_chain_of_those_that_it_went_on_from(written, call):
    shown = call("show", "train-a")
    assert re.search(r"^  acc +0\.4 +0\.1 +0\.5 +5 +4$", shown, re.MULTILINE)
    assert re.search(r"^  exploited  2 +train-d  lr 0\.1 → 0\.4$", shown, re.MULTILINE)
    assert re.search(r"^  exploited  4 +train-b  lr 0\.4 → 0\.24$", shown, re.MULTILINE)
    assert "\n  train-a ← train-b (step 4) ← train-c (step 2)\n" in shown


def test_json_has_lineages_chains_and_what_was_logged(written, call):
    record = json.loads(call("show", "train-a", "--json"))
    chain = [{"donor": "train-b", "step": 4}, {"donor": "train-c", "step": 2}]
    assert record["descent"] == chain
    assert record["reported"]["acc"] == {
        "last": 0.4, "step": 5, "least": 0.1, "most": 0.5, "count": 4
    }  # fmt: skip
    assert [e["event"] for e in record["course"]] == ["paused", "exploited"] * 2
    variants = {v["name"]: v for v in json.loads(call("show", "--json"))["variants"]}
    assert variants["train-a"]["descent"] == chain
    assert variants["train-c"]["state"] == "pruned"
    assert (variants["train-c"]["step"], variants["train-c"]["logged"]) == (1, {"acc": 0.1})


def test_the_history_in_the_folder_counts_where_the_variant_was_taken_from_elsewhere(written, call):
    event = {"time": 1.0, "event": "exploited", "donor": "train-a", "step": 7, "params": {"lr": 9}}
    write_json(written.run.variant("train-d").path / "history.json", [event])
    assert json.loads(call("show", "train-d", "--json"))["course"] == [event]


def test_why_tells_that_a_scheduler_pruned_it(written, call, tmp_path: Path):
    shown = call("why", "train-c")
    assert "it ended early: pbt stopped it at step 1: acc 0.1" in shown
    written.end("train-b", "pruned", source="/runs/r-0/variants/train-b", note="early")
    assert "the same had been pruned before; taken from /runs/r-0" in call("why", "train-b")


def at(time: float, donor: str, step: int) -> dict[str, Any]:
    return {"time": time, "event": "exploited", "donor": donor, "step": step, "params": {}}


@pytest.mark.parametrize(
    ("events", "chain"),
    [
        ({}, ""),
        ({"a": [at(2, "b", 3)]}, "← b (step 3)"),
        ({"a": [at(2, "b", 3)], "b": [at(3, "a", 4)]}, "← b (step 3)"),
        ({"a": [at(2, "b", 3)], "b": [at(1, "a", 2)]}, "← b (step 3) ← a (step 2)"),
        ({"a": [at(1, "c", 1), at(4, "b", 5)], "b": [at(2, "d", 2)]}, "← b (step 5) ← d (step 2)"),
    ],
    ids=["none", "one", "the donor's later ones don't count", "in turn", "the last one counts"],
)
def test_a_descent_goes_back_in_time(events: Mapping[str, Any], chain: str):
    assert descent_text(descent(events, "a")) == chain


def test_changes_show_old_and_new_values_by_key():
    before = {"lr": 0.1, "layers": [1, {"n": 2}], "flag": True}
    changed = {"lr": 0.0800000001, "layers[1].n": 3, "flag": False, "new": "x", "layers[7]": 1}
    text = "lr 0.1 → 0.08, layers[1].n 2 → 3, flag true → false, new x, layers[7] 1"
    assert changes_text(before, changed) == text


SEARCH = """\
name = "searched"
[stages.train]
notebook = "templates/train.ipynb"
metric = "acc"
params = { hidden = { grid = [1, 2] }, lr = { uniform = [0, 1] } }
[stages.train.search]
algorithm = "optuna"
samples = 6
[stages.test]
notebook = "templates/test.ipynb"
params = { w = "@train.w" }
"""


def test_plan_counts_what_a_search_has_yet_to_suggest(nbexp: Nbexp, tmp_path: Path):
    pytest.importorskip("optuna")
    log = "import nbexp\nnbexp.log('acc', lr)\nnbexp.glue('w', 1)"
    write_template(tmp_path / "templates" / "train.ipynb", "lr = 1\nhidden = 1", log)
    write_template(tmp_path / "templates" / "test.ipynb", "w = 1", "print(w)")
    (tmp_path / "pipeline.toml").write_text(SEARCH)
    result = nbexp("plan", tmp_path / "pipeline.toml")
    assert result.output.splitlines() == [
        "train  0 variants, 12 to be suggested by optuna",
        "test  variants follow those of train",
        "12 variants and what follows to run: no earlier run with this code and such parameters "
        "tells how long it takes",
    ]
    record = json.loads(nbexp("plan", tmp_path / "pipeline.toml", "--json").output)
    assert [stage["to_suggest"] for stage in record["stages"]] == [12, 0]
