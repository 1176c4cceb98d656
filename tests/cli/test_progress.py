from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from told_events import Told

from nbexp.cli._progress import JsonLines, LiveProgress
from nbexp.cli._screen import Screen
from nbexp.display import Lines, Tally, plain_line
from nbexp.explain.estimates import TimeLeft
from nbexp.pipeline import Pipeline, Stage
from nbexp.runs.events import Event, EventKind
from nbexp.states import State
from nbexp.wording import duration_text, selection_text

ERROR = {
    "name": "ValueError",
    "message": "too much",
    "cell": 3,
    "template": "templates/train.ipynb",
    "template_cell": 2,
    "source": "a\nraise ValueError('too much')",
    "traceback": "line 2\nValueError: too much",
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def pipeline() -> Pipeline:
    return Pipeline("r", Path(), {name: Stage(name, ()) for name in ("train", "test")})


@pytest.fixture
def plain(capsys: pytest.CaptureFixture[str]) -> tuple[Told, Callable[[], str]]:
    tally = Tally()
    told = Told(tally, Lines(Screen().line, tally))
    return told, lambda: capsys.readouterr().out


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


def test_json_lines_are_the_events(capsys: pytest.CaptureFixture[str]):
    event = Event(EventKind.WARNING, 1.5, {"message": "m"})
    JsonLines().notify(event)
    out = capsys.readouterr().out
    assert out == '{"time": 1.5, "event": "warning", "message": "m"}\n'


def drawn(progress: LiveProgress) -> str:
    console = Console(width=100, file=io.StringIO(), record=True, markup=False)
    console.print(progress._draw())
    return console.export_text()


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> tuple[Told, Tally, LiveProgress, Terminal]:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    tally = Tally()
    time_left = TimeLeft(pipeline(), {})
    progress = LiveProgress(Screen(), tally, time_left)
    return Told(tally, progress), tally, progress, terminal


def test_the_live_view_shows_stages_counts_best_and_time_left(live):
    told, _, progress, _ = live
    assert "starting…" in drawn(progress)
    told.begin()
    for n in range(4):
        told.add(f"train-{n}", f"lr=[{n}]")
    assert "looking up what ran before" in drawn(progress)
    told(EventKind.WORKERS_AWAITED)
    assert "waiting for Ray" in drawn(progress)
    told.start("train-0")
    told.end("train-0", "finished", "lr=[0]", metric=0.5)
    told.start("train-1")
    told.end("train-1", "finished", "lr=[1]", metric=0.75)
    told.start("train-2")
    view = drawn(progress)
    assert re.search(r"train .* 2/4 .*1 running  2 finished", view)
    assert re.search(r"test .* waits for what comes before", view)
    assert "best acc 0.75  train-1 lr=[1]" in view
    assert re.search(r"more than .*\d+ s left", view)  # how long depends on the machine's cores
    told.end("train-2", "failed", error=ERROR)
    told(EventKind.RUN_STOPPING, reason="stopped by SIGINT")
    assert "stopping" in drawn(progress)


def test_the_live_view_prints_failures_above(live):
    told, _, progress, terminal = live
    with progress:
        told.begin()
        told.add("train-0")
        told.end("train-0", "timed out", error=ERROR)
    assert "train-0" in terminal.getvalue()
    assert "raise ValueError('too much')" in terminal.getvalue()


def log(told: Told, name: str, *entries: tuple[int, dict[str, float]]) -> None:
    records = [{"time": 1.0, "step": step, "values": values} for step, values in entries]
    told(EventKind.METRICS, variant=name, stage="train", entries=records)


def pause(told: Told, name: str, step: int | None = 1) -> None:
    told(EventKind.VARIANT_PAUSED, variant=name, stage="train", reason="others", step=step)


def test_a_variant_that_pauses_and_goes_on_is_counted_once():
    tally = Tally()
    told = Told(tally, Tally())
    told.begin()
    stage = tally.stages["train"]
    for name in ("a", "b"):
        told.add(name)
        told.start(name)
    pause(told, "a")
    assert (set(stage.running), stage.paused, stage.total, stage.left) == ({"b"}, {"a"}, 2, 2)
    told(EventKind.VARIANT_EXPLOITED, variant="a", stage="train", donor="b", step=1, params={})
    told.start("a")
    assert (set(stage.running), stage.paused, stage.total) == ({"a", "b"}, set(), 2)
    pause(told, "b")
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
    log(told, "a", (0, {"acc": 0.9}), (1, {"loss": 5.0}), (2, {"acc": 0.5}))
    log(told, "b", (0, {"acc": 0.6}), (1, {"acc": float("nan")}))
    log(told, "c", (0, {"acc": 0.99}))
    pause(told, "b")
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


def test_the_live_view_has_a_line_for_each_of_the_first_that_run(live):
    told, _, progress, _ = live
    told.begin()
    for n in range(6):
        told.add(f"train-{n}", f"lr={n}")
        told.start(f"train-{n}")
    log(told, "train-0", (7, {"loss": 0.3, "acc": 0.81}), (7, {"lr_now": 0.1}))
    log(told, "train-1", (3, {"loss": 0.5}))
    pause(told, "train-2")
    view = drawn(progress)
    assert re.search(r"^    train-0 lr=0  step 7  acc 0\.81 *$", view, re.MULTILINE)
    assert re.search(r"^    train-1 lr=1  step 3  loss 0\.5 *$", view, re.MULTILINE)
    assert "train-2" not in view
    assert re.search(r"^    … and 1 more *$", view, re.MULTILINE)
    assert re.search(r"train .* 0/6 .*5 running  1 paused", view)
    assert "best acc 0.81  train-0 lr=0" in view
    told(EventKind.RUN_PAUSED)
    assert "paused, 5 still running; nbexp continue" in drawn(progress)
    told(EventKind.RUN_CONTINUED)
    assert "nbexp continue" not in drawn(progress)


def test_plain_lines_tell_who_was_pruned_and_who_went_on_from_whom(plain):
    told, written = plain
    told.begin()
    for name in ("train-a", "train-b", "train-c", "train-d"):
        told.add(name, "lr=0.1")
    params = {"lr": 0.1, "optimizer": {"name": "adam", "betas": [0.9, 0.99]}}
    started = {"variant": "train-a", "stage": "train", "attempt": 1}
    told(EventKind.VARIANT_STARTED, **started, params=params)
    pause(told, "train-a", step=4)
    changed = {"lr": 0.08, "optimizer.name": "sgd", "optimizer.betas[0]": 0.5}
    exploit = {"variant": "train-a", "stage": "train", "donor": "train-b", "step": 4}
    told(EventKind.VARIANT_EXPLOITED, **exploit, params=changed)
    told(EventKind.VARIANT_STARTED, **started, params=params | {"lr": 0.08})
    told(EventKind.RUN_PAUSED)
    told(EventKind.RUN_CONTINUED)
    log(told, "train-a", (5, {"acc": 0.4}))
    told.end("train-a", "pruned", "lr=0.1", note="asha stopped it at step 5: acc 0.4")
    log(told, "train-b", (2, {"acc": 0.4}))
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
        pause(told, "train-1")
    assert written().splitlines()[1:] == ["▶ train-1"]


def test_events_and_views_cost_the_same_with_ten_thousand_variants(live):
    told, tally, progress, _ = live
    told.begin()
    for n in range(10_000):
        told.add(f"train-{n}")
        told.end(f"train-{n}", "cached", metric=float(n))
    began = time.perf_counter()
    for _ in range(20):
        drawn(progress)
    assert (time.perf_counter() - began) / 20 < 0.05
    assert tally.stages["train"].done == 10_000


def test_the_best_follows_the_mode():
    tally = Tally()
    told = Told(tally, Tally())
    metrics = {"stages": ["train"], "metrics": {"train": ["loss", "min"]}}
    told._listeners = (tally,)
    told(EventKind.RUN_STARTED, run="r", pipeline="r", **metrics)
    for name, loss in (("a", 0.5), ("b", 0.1), ("c", None), ("d", 0.1)):
        told.end(name, "finished", metric=loss)
    assert tally.stages["train"].best == (0.1, "b")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (3, "3 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_shown_as_people_say_them(seconds, shown):
    assert duration_text(seconds) == shown
