"""Runs, for whoever looks at them or steers them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from run_folders import emit, leave_result, make_run, start_variant

from nbexp import State
from nbexp.errors import UsageError
from nbexp.lines import read_lines
from nbexp.run.writer import RunWriter
from nbexp.runs.control import Reply, Request
from nbexp.runs.run import Run, Runs


@pytest.fixture
def going(tmp_path: Path) -> Iterator[RunWriter]:
    """A run that goes on, since this process holds its lock."""
    run = make_run(tmp_path)
    run.try_lock()
    start_variant(run, "train-3f01")
    yield run
    run.unlock()


@pytest.fixture
def answers(going: RunWriter) -> Iterator[Callable[[], list[dict]]]:
    """Answer requests as they come; return those that came."""
    is_over, seen = threading.Event(), []

    def serve() -> None:
        while not is_over.wait(0.02):
            for request in list(read_lines(going.control))[len(seen) :]:
                seen.append(request)
                emit(going, "replied", id=request["id"], is_done=True, message="it is done")

    thread = threading.Thread(target=serve)
    thread.start()
    yield lambda: seen
    is_over.set()
    thread.join()


def test_runs_are_found_by_name(tmp_path: Path) -> None:
    assert list(Runs(tmp_path)) == []
    first, last = make_run(tmp_path, "digits-1"), make_run(tmp_path, "digits-2")
    assert [run.id for run in Runs(tmp_path)] == [first.id, last.id]
    assert (Runs(tmp_path).find().id, Runs(tmp_path).find("digits-1").id) == (last.id, first.id)
    with pytest.raises(UsageError, match="no run 'digitz'"):
        Runs(tmp_path).find("digitz")


def test_the_one_that_goes_on_is_found(tmp_path: Path, going: RunWriter) -> None:
    os.utime(make_run(tmp_path, "digits-0").lock, (1, 1))  # it began before
    assert Runs(tmp_path).find_alive().id == going.id
    with pytest.raises(UsageError, match=r"digits-0 has ended \(stopped\); .* nothing to stop"):
        Runs(tmp_path).find_alive("digits-0", "stop")
    with pytest.raises(UsageError, match="train-3f01 is a variant; name a run to pause"):
        Runs(tmp_path).find_alive("train-3f", "pause")


def test_variants_are_found_by_the_beginning_of_their_names(going: RunWriter) -> None:
    leave_result(going.variant("train-3f01").path)
    emit(going, "variant_ended", variant="train-3f01", stage="train", state="finished", metric=0.5)
    run = Run(going)
    variant = run.variants["train-3f"]
    assert (variant.metric, variant.scraps, variant.state) == (0.5, {"score": 0.5}, State.FINISHED)
    assert variant.notebook.is_file()
    assert (list(run.variants), len(run.variants), run.state) == (["train-3f01"], 1, State.RUNNING)
    with pytest.raises(UsageError, match="no variant 'test'"):
        run.variants["test"]


def test_run_is_followed_to_its_end(going: RunWriter) -> None:
    followed = Run(going).follow(every_s=0.01)
    kinds = [next(followed).kind.value for _ in range(3)]
    assert kinds == ["run_started", "variant_added", "variant_started"]
    emit(going, "run_ended", state="failed")
    assert next(followed).kind.value == "run_ended"
    going.unlock()
    assert list(followed) == []


def test_requests_are_answered(going: RunWriter, answers: Callable[[], list[dict]]) -> None:
    run = Run(going)
    replies = [
        run.pause(),
        run.go_on(),
        run.stop("train-3f"),
        run.add("train", samples=2, params={"lr": 0.5}),
        run.stop(),
    ]
    assert replies == [Reply(True, "it is done")] * 5
    asked = [
        (each["request"], each["variant"], each["stage"], each["params"]) for each in answers()
    ]
    assert asked == [
        ("pause", None, None, {}),
        ("continue", None, None, {}),
        ("stop", "train-3f01", None, {}),
        ("add", None, "train", {"lr": 0.5}),
        ("stop", None, None, {}),
    ]


def test_no_answer_is_told(going: RunWriter) -> None:
    run = Run(going)
    assert "not answered within 0.01 s" in run.ask(Request("pause"), timeout_s=0.01).message
    going.unlock()
    assert run.pause() == Reply(False, "it ended before it could do that")
