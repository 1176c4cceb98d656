"""A run told in lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from told_events import ERROR, Told

from nbexp.display import Lines, Tally, plain_line
from nbexp.runs.events import EventKind
from nbexp.states import State
from nbexp.wording import selection_text


@pytest.fixture
def plain() -> tuple[Told, Callable[[], str]]:
    """Return who tells events, and what gives the lines written since it was asked last."""
    tally, out = Tally(), []
    told = Told(tally, Lines(lambda *parts: out.append(f"{plain_line(*parts)}\n"), tally))

    def written() -> str:
        text = "".join(out)
        out.clear()
        return text

    return told, written


def test_plain_lines_tell_each_variant_that_runs_and_sum_up_those_that_are_cached(plain):
    told, written = plain
    told.begin()
    for n in range(500):
        told.add(f"train-{n}", f"n={n}")
    for n in range(499):
        told.end(f"train-{n}", "cached", f"n={n}", metric=n / 1000)
    told.start("train-499")
    told.end("train-499", "finished", "n=499", metric=0.9)
    told(EventKind.STAGE_ENDED, stage="train", kept=[])
    lines = written().splitlines()
    assert lines == [
        "run r-1 of r: train, test",
        "▶ train-499 n=499",
        "✓ train-499 n=499  2.0 s  acc 0.9  (500/500)",
        "stage train: 1 finished, 499 cached; best acc 0.9: train-499 n=499",
    ]


def test_a_failure_tells_cell_error_traceback_and_notebook(plain, tmp_path: Path):
    told, written = plain
    (tmp_path / "notebook.ipynb").write_text("{}")
    told.begin()
    told.add("train-1")
    told.end("train-1", "failed", "n=[1, 2]", error=ERROR, folder=str(tmp_path))
    lines = [line.strip() for line in written().splitlines()[1:]]
    assert lines == [
        "✗ train-1 n=[1, 2]  failed",
        "in cell 2 of templates/train.ipynb (cell 3 of the executed notebook)",
        "│ a",
        "│ raise ValueError('too much')",
        "ValueError: too much",
        "line 2",
        f"notebook  {tmp_path / 'notebook.ipynb'}",
    ]


def test_failures_that_are_alike_are_written_whole_once(plain):
    told, written = plain
    told.begin()
    told.end("train-a", "failed", "lr=1", error=ERROR | {"message": "in train-a/x"})
    written()
    told.end("train-b", "failed", "lr=2", error=ERROR | {"message": "in train-b/x"})
    told.end("train-c", "failed", "lr=3", error=ERROR | {"message": "another"})
    assert written().splitlines() == [
        "✗ train-b lr=2  failed as train-a did",
        "✗ train-c lr=3  failed where train-a did  ValueError: another",
    ]
    told.end("train-d", "failed", error=ERROR | {"source": "another line"})
    told.end("train-e", "failed", error=ERROR | {"name": "KeyError"})
    told.end("train-f", "timed out", error=ERROR)
    assert written().count("│") == 5  # each of these is another failure


def test_many_failures_of_different_kinds_grow_short(plain):
    told, written = plain
    told.begin()
    for n in range(9):
        told.end(f"train-{n}", "failed", error=ERROR | {"source": f"line {n}"})
    lines = written().splitlines()
    assert len([line for line in lines if "│ line" in line]) == 5
    assert lines[-1] == "✗ train-8  failed  ValueError: too much"


def test_many_failures_grow_short_and_then_silent(plain):
    told, written = plain
    told.begin()
    for n in range(200):
        told.add(f"train-{n}")
        told.end(f"train-{n}", "failed", error=ERROR)
    lines = written().splitlines()
    assert len([line for line in lines if line.startswith("✗")]) == 50
    assert "nbexp show" in lines[-1]


def test_plain_lines_tell_warnings_retries_and_that_the_run_stops(plain):
    told, written = plain
    told.begin()
    told.add("train-1")
    told.start("train-1")
    data = {"variant": "train-1", "stage": "train", "attempt": 1}
    told(EventKind.VARIANT_RETRIED, **data, reason="ValueError: no\nmore", folder="")
    told(EventKind.WARNING, message="MLflow: slow")
    told(EventKind.RUN_STOPPING, reason="asked to stop")
    out = written()
    assert "↻ train-1  attempt 1: ValueError: no; again" in out
    assert "! MLflow: slow" in out
    assert "stopping (asked to stop)" in out


def test_plain_lines_tell_a_variant_that_was_stopped_unless_the_whole_run_stops(plain):
    told, written = plain
    told.begin()
    for n in (1, 2):
        told.add(f"train-{n}", f"n={n}")
        told.start(f"train-{n}")
    told.end("train-1", "stopped", "n=1")
    assert "■ train-1 n=1  stopped  (1/2)" in written()
    told(EventKind.RUN_STOPPING, reason="stopped by SIGINT")
    told.end("train-2", "stopped", "n=2")
    assert "train-2" not in written()


def test_plain_lines_tell_the_plan_and_that_ray_is_waited_for_where_something_runs():
    tally, out = Tally(), list[str]()
    lines = Lines(lambda *parts: out.append(plain_line(*parts)), tally)
    told = Told(tally, lines)
    told.begin()
    told.add("train-1")
    told.add("train-2")
    told.end("train-1", "cached")
    assert not tally.waits_for_ray
    assert len(out) == 1
    told(EventKind.WORKERS_AWAITED)
    assert tally.waits_for_ray
    assert out[1:2] == ["plan: train 2 variants (1 of them cached), test later"]
    lines._ray.join()
    assert out[2:] == ["waiting for Ray…"]


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"finished": 2, "stopped": 3}, "the best of 2 of 5 variants: 3 stopped"),
        ({"finished": 1, "cached": 1, "pruned": 1, "timed out": 1, "failed": 2},
         "the best of 3 of 6 variants: 2 failed, 1 timed out"),
        ({"finished": 2, "failed": 3}, ""),
        ({"stopped": 3}, ""),
        ({"finished": 2}, ""),
    ],
)  # fmt: skip
def test_the_best_is_said_to_be_of_those_that_were_not_stopped(plain, counts: Any, text: str):
    assert selection_text({State(state): count for state, count in counts.items()}) == text
    told, written = plain
    told.begin()
    for state, count in counts.items():
        for n in range(count):
            told.add(f"{state}-{n}")
            told.end(f"{state}-{n}", state, metric=0.5)
    told(EventKind.STAGE_ENDED, stage="train", kept=[])
    shown = written().splitlines()[-1]
    assert shown.endswith(f"({text})") if text else "the best of" not in shown


def test_plain_lines_tell_who_was_pruned_and_who_went_on_from_whom(plain):
    told, written = plain
    told.begin()
    for name in ("train-a", "train-b", "train-c", "train-d"):
        told.add(name, "lr=0.1")
    params = {"lr": 0.1, "optimizer": {"name": "adam", "betas": [0.9, 0.99]}}
    started = {"variant": "train-a", "stage": "train", "attempt": 1}
    told(EventKind.VARIANT_STARTED, **started, params=params)
    told.pause("train-a", step=4)
    changed = {"lr": 0.08, "optimizer.name": "sgd", "optimizer.betas[0]": 0.5}
    exploit = {"variant": "train-a", "stage": "train", "donor": "train-b", "step": 4}
    told(EventKind.VARIANT_EXPLOITED, **exploit, params=changed)
    told(EventKind.VARIANT_STARTED, **started, params=params | {"lr": 0.08})
    told(EventKind.RUN_PAUSED)
    told(EventKind.RUN_CONTINUED)
    told.log("train-a", (5, {"acc": 0.4}))
    told.end("train-a", "pruned", "lr=0.1", note="asha stopped it at step 5: acc 0.4")
    told.log("train-b", (2, {"acc": 0.4}))
    told.end("train-b", "pruned", "lr=0.1", note="")
    told.end("train-c", "pruned", "lr=0.1", note="asha stopped it", source="/runs/r-0")
    assert written().splitlines()[1:] == [
        "▶ train-a lr=0.1",
        "⇄ train-a went on from train-b after step 4: "
        "lr 0.1 → 0.08, optimizer.name adam → sgd, optimizer.betas[0] 0.9 → 0.5",
        "‖ paused: what can pause does, and nothing more starts; nbexp continue ends that",
        "▶ the run goes on",
        "✂ train-a lr=0.1  pruned: asha stopped it at step 5: acc 0.4  (1/4)",
        "✂ train-b lr=0.1  pruned at step 2  (2/4)",
    ]


def test_hundreds_of_pauses_are_not_told_line_by_line(plain):
    told, written = plain
    told.begin()
    told.add("train-1")
    for _ in range(300):
        told.start("train-1")
        told.pause("train-1")
    assert written().splitlines()[1:] == ["▶ train-1"]
