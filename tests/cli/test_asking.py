"""Requests to a run, by the command line; here answered by the test in the place of a driver."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_project import Nbexp, await_true

from nbexp.files import append_line, write_json
from nbexp.lines import read_lines
from nbexp.runs.folder import RunFolder


def begin(root: Path, name: str = "r-1", stages: tuple[str, ...] = ("train", "test")) -> RunFolder:
    """Return a run that seems to be under way, since this process holds its lock."""
    run = RunFolder(root / "runs" / name)
    run.variants.mkdir(parents=True)
    (run.path / "driver.lock").touch()
    write_json(run.path / "pipeline.json", {"params": {"epochs": 3}})
    emit(run, "run_started", run=name, pipeline="r", stages=list(stages), metrics={})
    run.try_lock()
    return run


def emit(run: RunFolder, event: str, /, **data: Any) -> None:
    append_line(run.events, {"time": 1.0, "event": event, **data})


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    folder = begin(tmp_path)
    yield folder
    folder.unlock()


@pytest.fixture
def asked(run: RunFolder) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Answer requests as they come; return those that came."""
    is_over = threading.Event()
    answer = {"is_done": True, "message": "4 variants of train added"}
    seen: list[dict[str, Any]] = []

    def serve() -> None:
        while not is_over.wait(0.02):
            for request in list(read_lines(run.control))[len(seen) :]:
                seen.append(request)
                emit(run, "replied", id=request["id"], **answer)

    thread = threading.Thread(target=serve)
    thread.start()

    def take(**change: Any) -> list[dict[str, Any]]:
        answer.update(change)
        return seen

    yield take
    is_over.set()
    thread.join()


@pytest.mark.parametrize("stage", [(), ("--stage", "train")])
def test_run_that_has_not_told_its_stages_is_only_starting(
    run: RunFolder, tmp_path: Path, nbexp: Nbexp, stage: tuple[str, ...]
) -> None:
    run.events.unlink()
    result = nbexp("add", "--samples", "4", *stage, "-C", tmp_path)
    assert (result.exit_code, "r-1 is only starting; ask again" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (["--samples", "4"], (4, {})),
        (["--set", "lr=0.1"], (None, {"lr": 0.1})),
        (["--set", "train.lr=0.1", "--samples", "2"], (2, {"lr": 0.1})),
        (["--set", "optimizer.lr=0.1", "--set", "optimizer.name=adam"],
         (None, {"optimizer": {"lr": 0.1, "name": "adam"}})),
        (["--set", "sizes=[1, 2]"], (None, {"sizes": [1, 2]})),
        (["--set", "text='@@so'"], (None, {"text": "@so"})),
        (["--set", "epochs=@params.epochs"], (None, {"epochs": 3})),
    ],
)  # fmt: skip
def test_add_sends_what_is_to_be_added(nbexp: Nbexp, tmp_path: Path, asked, arguments, sent):
    result = nbexp("add", "--stage", "train", *arguments, "-C", tmp_path)
    assert (result.exit_code, result.output) == (0, "r-1: 4 variants of train added\n")
    (request,) = asked()
    assert (request["request"], request["stage"]) == ("add", "train")
    assert (request["samples"], request["params"]) == sent


@pytest.mark.parametrize("what", ["pause", "continue"])
def test_pause_and_continue_tell_what_the_run_answers(nbexp: Nbexp, tmp_path: Path, asked, what):
    asked(message="it does")
    result = nbexp(what, "-C", tmp_path, "--json")
    assert result.exit_code == 0
    assert json.loads(result.output) == {"run": "r-1", "is_done": True, "message": "it does"}
    assert [request["request"] for request in asked()] == [what]


def test_what_the_run_refuses_exits_with_1(nbexp: Nbexp, tmp_path: Path, asked):
    asked(is_done=False, message="the stage train has ended")
    result = nbexp("add", "r-1", "--stage", "train", "--samples", "1", "-C", tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "r-1: the stage train has ended\n"


def test_a_run_that_ends_instead_of_answering_is_told(nbexp: Nbexp, tmp_path: Path, run: RunFolder):
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(nbexp("pause", "-C", tmp_path)))
    thread.start()
    await_true(run.control.exists, "the request had come")
    run.unlock()
    thread.join()
    assert results[0].exit_code == 1
    assert "it ended before it could do that" in results[0].output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "--stage", "train"), "Say what to add: --samples N, or --set PARAM=VALUE"),
        (("add", "--samples", "2"), "Name the stage: --stage STAGE, one of train, test."),
        (("add", "--samples", "2", "--stage", "tran"), "Did you mean 'train'?"),
        (("add", "--samples", "0", "--stage", "train"), "0 is not in the range x>=1"),
        (("add", "--set", "lr", "--stage", "train"), "expected stage.param=VALUE"),
        (("add", "--set", "lr=[1", "--stage", "train"), "expected a TOML value, got '[1'"),
        (("add", "--set", "lr={uniform=[0, 1]}", "--stage", "train"), "expected a plain value"),
        (("add", "--set", "lr=@prepare.lr", "--stage", "train"), "expected a plain value"),
        (("add", "--set", "lr=@params.rate", "--stage", "train"), "parameter 'rate'"),
        (("pause", "train-1"), "train-1 is a variant; nbexp pause takes a run."),
        (("pause", "elsewhere"), "There is no run, variant or stage 'elsewhere'"),
        (("continue", "r-0"), "r-0 has ended (stopped); there is nothing to continue."),
    ],
)
def test_a_mistake_is_one_message_and_asks_nothing(
    nbexp: Nbexp, tmp_path: Path, run: RunFolder, arguments, message
):
    ended = begin(tmp_path, "r-0")
    ended.unlock()
    (run.path / "driver.lock").touch()  # the newest
    emit(run, "variant_added", variant="train-1", stage="train", label="", lineage={})
    result = nbexp(*arguments, "-C", tmp_path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
    assert not run.control.exists()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("stop", "there is nothing to stop"),
        ("pause", "there is nothing to pause"),
        ("continue", "there is nothing to continue"),
        ("add", "there is nothing to add to"),
    ],
)
def test_without_a_run_that_goes_on_there_is_nothing_to_do(nbexp, tmp_path, command, message):
    more = ("--samples", "1") if command == "add" else ()
    result = nbexp(command, *more, "-C", tmp_path)
    assert (result.exit_code, result.stderr) == (2, f"Error: No run goes on here; {message}.\n")


def test_of_several_runs_one_must_be_named(nbexp: Nbexp, tmp_path: Path, run: RunFolder):
    other = begin(tmp_path, "r-2", ("train",))
    try:
        result = nbexp("pause", "-C", tmp_path)
        assert result.exit_code == 2
        assert "Several runs go on: r-1, r-2. Name the one to pause." in result.stderr
    finally:
        other.unlock()


def test_a_run_with_one_stage_needs_no_stage_named(nbexp: Nbexp, tmp_path: Path):
    run = begin(tmp_path, stages=("train",))
    results: list[Any] = []
    arguments = ("add", "--samples", "1", "-C", tmp_path)
    thread = threading.Thread(target=lambda: results.append(nbexp(*arguments)))
    thread.start()
    await_true(run.control.exists, "the request had come")
    (request,) = read_lines(run.control)
    emit(run, "replied", id=request["id"], is_done=True, message="1 variant of train added")
    thread.join()
    run.unlock()
    assert (results[0].exit_code, request["stage"]) == (0, "train")
