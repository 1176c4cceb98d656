"""What runs leave is completed, and handed over to what tracks them; no part of them runs here."""

import threading
from pathlib import Path

import pytest
from run_folders import emit, leave_result, make_run, start_variant

from nbexp import State
from nbexp.errors import RunError
from nbexp.run import RunIndex, complete_runs, hand_over_runs
from nbexp.run import recover as recovery
from nbexp.runs.finding import list_runs
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import fold, read_history


class Memory:
    """A tracker that only notes which runs it took in."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.knows_runs: bool | None = True

    def recover(self, run: Path) -> bool:
        self.runs.append(run.name)
        return self.knows_runs is not None

    def knows(self, _run: Path) -> bool | None:
        return self.knows_runs


def complete(root: Path) -> list[str]:
    return complete_runs(list_runs(root))


def hand_over(root: Path, memory: Memory, own: str = "") -> list[str]:
    index = RunIndex(root / "runs")
    try:
        return hand_over_runs(root, memory, index, own=own)
    finally:
        index.close()


def states(run: RunFolder) -> dict[str, State]:
    return {name: v.state for name, v in fold(run.read_events()).variants.items()}


def test_variants_end_as_their_results_tell(tmp_path):
    run = make_run(tmp_path)
    leave_result(start_variant(run, "finished"))
    leave_result(start_variant(run, "failed"), State.FAILED)
    leave_result(start_variant(run, "cached", source="elsewhere"))
    leave_result(start_variant(run, "of-another-identity"), key="1" * 64)
    start_variant(run, "running")
    assert complete(tmp_path) == [run.id]
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
    run = make_run(tmp_path)
    assert complete(tmp_path) == [run.id]
    events = run.events.read_bytes()
    assert complete(tmp_path) == []
    assert run.events.read_bytes() == events
    assert not run.read_status()["is_complete"]


def test_run_is_handed_over_once(tmp_path):
    run, own, memory = make_run(tmp_path), make_run(tmp_path, "own"), Memory()
    complete(tmp_path)
    changed = run.path.stat().st_mtime_ns
    for expected in ([run.id], []):
        assert hand_over(tmp_path, memory, own.id) == expected
        assert memory.runs == [run.id]
    assert run.read_status()["is_complete"]
    assert run.path.stat().st_mtime_ns == changed, "the newest run is the last that was changed"


def test_run_that_is_not_for_the_tracker_is_left(tmp_path):
    run, memory = make_run(tmp_path), Memory()
    complete(tmp_path)
    memory.knows_runs = None
    assert hand_over(tmp_path, memory) == []
    assert not run.read_status()["is_complete"]


def test_tracker_that_has_lost_its_memory_is_handed_all(tmp_path):
    runs = [make_run(tmp_path, name) for name in ("a", "b")]
    memory = Memory()
    complete(tmp_path)
    hand_over(tmp_path, memory)
    memory.knows_runs, memory.runs = False, []
    assert sorted(hand_over(tmp_path, memory)) == [run.id for run in runs]
    assert sorted(memory.runs) == [run.id for run in runs]


def test_tracker_that_goes_away_meanwhile_is_handed_the_rest_later(tmp_path):
    runs, memory = [make_run(tmp_path, name) for name in ("a", "b")], Memory()
    complete(tmp_path)

    class Away(Memory):
        def recover(self, run: Path) -> bool:
            if self.runs:
                raise RunError("away")
            return super().recover(run)

    with pytest.raises(RunError):
        hand_over(tmp_path, Away())
    assert [run.read_status()["is_complete"] for run in runs].count(True) == 1
    assert len(hand_over(tmp_path, memory)) == 1


def test_run_that_died_before_its_first_event(tmp_path):
    run = make_run(tmp_path)
    run.events.unlink()
    complete(tmp_path)
    assert run.read_status()["run"] == run.id
    assert read_history(run).state is State.STOPPED


def test_run_that_is_alive_is_left_alone(tmp_path):
    run = make_run(tmp_path)
    assert run.try_lock()
    assert complete(tmp_path) == []
    run.unlock()
    assert complete(tmp_path) == [run.id]


def test_run_that_cannot_be_read_keeps_no_other_from_being_completed(tmp_path, caplog):
    broken, run = make_run(tmp_path, "a"), make_run(tmp_path, "b")
    emit(broken, "event_of_a_later_version")
    assert complete(tmp_path) == [run.id]
    assert "can't be completed" in caplog.text


@pytest.mark.timeout(60)
def test_second_driver_waits_until_the_first_has_completed_what_there_is(tmp_path, monkeypatch):
    run = make_run(tmp_path)
    entered, go_on = threading.Event(), threading.Event()
    fold_events = recovery.fold

    def slow(events):
        entered.set()
        go_on.wait()
        return fold_events(events)

    monkeypatch.setattr(recovery, "fold", slow)
    first = threading.Thread(target=complete, args=(tmp_path,))
    first.start()
    entered.wait()
    second = threading.Thread(target=complete, args=(tmp_path,))
    second.start()
    second.join(0.2)
    assert second.is_alive()
    go_on.set()
    first.join()
    second.join()
    assert run.read_status()["state"] == "stopped"
