from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nbexp.cli._estimate import Before, TimeLeft
from nbexp.cli._progress import JsonLines, LiveProgress, PlainProgress
from nbexp.cli._screen import Screen, duration_text
from nbexp.cli._tally import Tally
from nbexp.pipeline import Pipeline, Stage
from nbexp.run import Event, EventKind

ERROR = {
    "name": "ValueError",
    "message": "too much",
    "cell": 2,
    "source": "a\nraise ValueError('too much')",
    "traceback": "line 2\nValueError: too much",
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Told:
    """Tells a tally and a progress of events, as a run does."""

    def __init__(self, tally: Tally, progress: Any) -> None:
        self._listeners = (tally, progress)

    def __call__(self, kind: EventKind, **data: Any) -> None:
        event = Event(kind, time.time(), data)
        for listener in self._listeners:
            listener.notify(event)

    def begin(self) -> None:
        stages = {"stages": ["train", "test"], "metrics": {"train": ["acc", "max"]}}
        self(EventKind.RUN_STARTED, run="r-1", pipeline="r", **stages)

    def add(self, name: str, label: str = "", stage: str = "train") -> None:
        self(EventKind.VARIANT_ADDED, variant=name, stage=stage, label=label, lineage={})

    def start(self, name: str, stage: str = "train") -> None:
        self(EventKind.VARIANT_STARTED, variant=name, stage=stage, attempt=1)

    def end(self, name: str, state: str, label: str = "", **data: Any) -> None:
        more = {"duration_s": 2.0, "label": label, **data}
        self(EventKind.VARIANT_ENDED, variant=name, stage="train", state=state, **more)


def pipeline() -> Pipeline:
    return Pipeline("r", Path(), {name: Stage(name, ()) for name in ("train", "test")})


@pytest.fixture
def plain(capsys: pytest.CaptureFixture[str]) -> tuple[Told, Callable[[], str]]:
    tally = Tally()
    told = Told(tally, PlainProgress(Screen(), tally))
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
        "cell 2",
        "│ a",
        "│ raise ValueError('too much')",
        "ValueError: too much",
        "line 2",
        f"notebook  {tmp_path / 'notebook.ipynb'}",
    ]


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
    time_left = TimeLeft(pipeline(), {"test": Before(mean_s=30.0, variants=2)})
    progress = LiveProgress(Screen(), tally, time_left)
    return Told(tally, progress), tally, progress, terminal


def test_the_live_view_shows_stages_counts_best_and_time_left(live):
    told, _, progress, _ = live
    assert "opening MLflow" in drawn(progress)
    told.begin()
    for n in range(4):
        told.add(f"train-{n}", f"lr=[{n}]")
    assert "starting Ray" in drawn(progress)
    told.start("train-0")
    told.end("train-0", "finished", "lr=[0]", metric=0.5)
    told.start("train-1")
    told.end("train-1", "finished", "lr=[1]", metric=0.75)
    told.start("train-2")
    view = drawn(progress)
    assert re.search(r"train .* 2/4 .*1 running  2 finished", view)
    assert re.search(r"test .* waits for what comes before", view)
    assert "best acc 0.75  train-1 lr=[1]" in view
    assert re.search(r"about .*\d+ s left", view)  # how long depends on the machine's cores
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


def test_time_left_says_how_much_it_knows(monkeypatch: pytest.MonkeyPatch):
    tally = Tally()
    told = Told(tally, Tally())
    time_left = TimeLeft(pipeline(), {})
    told.begin()
    told.add("train-0")
    told.add("train-1")
    assert time_left.phrase(tally) == ""
    told.end("train-0", "finished")
    assert time_left.phrase(tally) == "more than 2 s left"


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
