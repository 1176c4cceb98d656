"""What a run whose driver died leaves is completed by the next one; no part of it runs here."""

import threading
from pathlib import Path

import pytest
from run_folders import emit, leave_result, make_run, start_variant

from nbexp import State
from nbexp.run import RunFolder, fold, read_history, recover_runs


class Memory:
    """A tracker that only notes which runs it was to complete."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.runs: list[str] = []

    def recover(self, run: Path) -> bool:
        self.runs.append(run.name)
        return self.works


def states(run: RunFolder) -> dict[str, State]:
    return {name: v.state for name, v in fold(run.read_events()).variants.items()}


def test_variants_end_as_their_results_tell(tmp_path):
    run = make_run(tmp_path)
    leave_result(start_variant(run, "finished"))
    leave_result(start_variant(run, "failed"), State.FAILED)
    leave_result(start_variant(run, "cached", source="elsewhere"))
    leave_result(start_variant(run, "of-another-identity"), key="1" * 64)
    start_variant(run, "running")
    assert recover_runs(tmp_path, Memory()) == [run.id]
    assert states(run) == {
        "finished": State.FINISHED,
        "failed": State.FAILED,
        "cached": State.CACHED,
        "of-another-identity": State.STOPPED,
        "running": State.STOPPED,
    }
    history = read_history(run)
    assert history.state is State.STOPPED
    assert history.variants["finished"].metric == 0.5
    assert history.variants["failed"].error["name"] == "ValueError"


def test_run_is_completed_once(tmp_path):
    run, memory = make_run(tmp_path), Memory()
    recover_runs(tmp_path, memory)
    events = run.events.read_bytes()
    assert recover_runs(tmp_path, memory) == []
    assert memory.runs == [run.id]
    assert run.events.read_bytes() == events


def test_run_that_could_not_be_tracked_is_tried_again_and_told_once(tmp_path):
    run, memory = make_run(tmp_path), Memory(works=False)
    recover_runs(tmp_path, memory)
    events = run.events.read_bytes()
    memory.works = True
    assert recover_runs(tmp_path, memory) == [run.id]
    assert run.events.read_bytes() == events
    assert run.read_status()["is_complete"]


def test_run_that_died_before_its_first_event(tmp_path):
    run = make_run(tmp_path)
    run.events.unlink()
    recover_runs(tmp_path, Memory())
    assert run.read_status()["run"] == run.id
    assert read_history(run).state is State.STOPPED


def test_run_that_is_alive_is_left_alone(tmp_path):
    run = make_run(tmp_path)
    assert run.try_lock()
    assert recover_runs(tmp_path, Memory()) == []
    run.unlock()
    assert recover_runs(tmp_path, Memory()) == [run.id]


def test_run_that_cannot_be_read_keeps_no_other_from_being_completed(tmp_path, caplog):
    broken, run = make_run(tmp_path, "a"), make_run(tmp_path, "b")
    emit(broken, "event_of_a_later_version")
    memory = Memory()
    assert recover_runs(tmp_path, memory) == [run.id]
    assert "can't be completed" in caplog.text
    assert memory.runs == [run.id]


@pytest.mark.timeout(60)
def test_second_driver_waits_until_the_first_has_completed_what_there_is(tmp_path):
    run = make_run(tmp_path)
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Memory):
        def recover(self, run: Path) -> bool:
            entered.set()
            go_on.wait()
            return super().recover(run)

    first = threading.Thread(target=recover_runs, args=(tmp_path, Slow()))
    first.start()
    entered.wait()
    second = threading.Thread(target=recover_runs, args=(tmp_path, Memory()))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    go_on.set()
    first.join()
    second.join()
    assert run.read_status()["is_complete"]
