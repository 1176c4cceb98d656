"""A run shown while it goes on, by the command line."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import pytest
from rich.console import Console
from told_events import ERROR, Told

from nbexp.cli._progress import JsonLines, LiveProgress
from nbexp.cli._screen import Screen
from nbexp.display import Tally
from nbexp.explain.estimates import TimeLeft
from nbexp.pipeline import Pipeline, Stage
from nbexp.runs.events import Event, EventKind


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def pipeline() -> Pipeline:
    return Pipeline("r", Path(), {name: Stage(name, ()) for name in ("train", "test")})


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


def test_the_live_view_has_a_line_for_each_of_the_first_that_run(live):
    told, _, progress, _ = live
    told.begin()
    for n in range(6):
        told.add(f"train-{n}", f"lr={n}")
        told.start(f"train-{n}")
    told.log("train-0", (7, {"loss": 0.3, "acc": 0.81}), (7, {"lr_now": 0.1}))
    told.log("train-1", (3, {"loss": 0.5}))
    told.pause("train-2")
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
