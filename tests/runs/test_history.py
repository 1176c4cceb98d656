"""What a run's folder tells of it, whatever happened to the run."""

import shutil

import pytest
from run_folders import KEY, emit, leave_result, make_run, start_variant

from nbexp import State
from nbexp.errors import UsageError
from nbexp.files import append_line
from nbexp.runs.control import ControlFile, request_stop
from nbexp.runs.events import Event, EventKind, EventLog
from nbexp.runs.finding import find_run, find_variant, list_runs
from nbexp.runs.history import HistoryReader, read_history
from nbexp.runs.lineage import reason_of
from nbexp.runs.outcome import read_outcome
from nbexp.runs.record import VariantRecord


def ended(variant: str) -> Event:
    data = {"variant": variant, "stage": "train", "state": "finished"}
    return Event(EventKind.VARIANT_ENDED, 2.0, data)


def test_events_that_only_a_later_version_knows_are_left_out(tmp_path):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    append_line(run.events, {"event": "variant_teleported", "time": 1.0, "variant": "train-1"})
    EventLog(run).notify(ended("train-1"))
    run.unlock()
    assert read_history(run).variants["train-1"].state is State.FINISHED


@pytest.mark.parametrize(
    ("state", "metric"), [("finished", 0.5), ("pruned", 0.5), ("failed", None), ("stopped", None)]
)
def test_only_what_succeeded_has_a_metric(tmp_path, state, metric):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    data = {"variant": "train-1", "stage": "train", "state": state, "metric": 0.5}
    EventLog(run).notify(Event(EventKind.VARIANT_ENDED, 2.0, data))
    run.unlock()
    assert read_history(run).variants["train-1"].metric == metric


def test_what_was_under_way_when_the_driver_died_has_stopped(tmp_path):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    assert run.try_lock()
    history = read_history(run)
    assert (history.state, history.variants["train-1"].state) == (None, State.RUNNING)
    run.unlock()
    history = read_history(run)
    assert (history.state, history.variants["train-1"].state) == (State.STOPPED, State.STOPPED)


def test_no_variant_runs_in_a_run_that_has_ended(tmp_path):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    emit(run, "run_ended", state="failed")
    history = read_history(run)
    assert (history.state, history.variants["train-1"].state) == (State.FAILED, State.STOPPED)


def test_line_cut_off_in_the_middle_costs_that_event_alone(tmp_path):
    run = make_run(tmp_path)
    leave_result(start_variant(run, "train-1"))
    run.events.write_bytes(run.events.read_bytes() + b'{"time": 1.0, "event": "vari')
    EventLog(run).notify(ended("train-1"))
    assert read_history(run).variants["train-1"].state is State.FINISHED


def test_events_that_could_not_be_written_are_written_later_in_order(tmp_path, caplog):
    run = make_run(tmp_path)
    aside = run.events.rename(run.path / "aside")
    run.events.mkdir()
    log = EventLog(run)
    log.notify(ended("train-1"))
    log.notify(ended("train-2"))
    assert not log.is_whole
    assert len(caplog.records) == 1
    run.events.rmdir()
    aside.rename(run.events)
    log.notify(ended("train-3"))
    assert log.is_whole
    assert list(read_history(run).variants) == ["train-1", "train-2", "train-3"]


def test_runs_are_found_by_part_of_their_name(tmp_path):
    runs = [make_run(tmp_path, name) for name in ("digits-1", "digits-2", "trec-1")]
    assert [run.id for run in list_runs(tmp_path)] == [run.id for run in runs]
    assert find_run(tmp_path).id == "trec-1"
    assert find_run(tmp_path, "digits-2").id == "digits-2"
    with pytest.raises(UsageError, match="any of these"):
        find_run(tmp_path, "digits")
    with pytest.raises(UsageError, match="no run 'mnist'"):
        find_run(tmp_path, "mnist")


def test_variants_are_found_by_the_beginning_of_their_name(tmp_path):
    run = make_run(tmp_path)
    for name in ("train-aa", "train-ab"):
        start_variant(run, name)
    history = read_history(run)
    assert find_variant(history, "train-aa").name == "train-aa"
    with pytest.raises(UsageError, match="any of these"):
        find_variant(history, "train-a")


def test_requests_are_taken_once_and_what_is_no_request_is_passed_over(tmp_path):
    run = make_run(tmp_path)
    control = ControlFile(run)
    assert control.take() == []
    request_stop(run, "train-1")
    run.control.write_bytes(run.control.read_bytes() + b'[1]\nnonsense\n{"request": "dance"}\n')
    assert [(r.request, r.variant) for r in control.take()] == [
        ("stop", "train-1"),
        ("dance", None),  # refused by whoever takes it
    ]
    request_stop(run)
    assert [(r.request, r.variant) for r in control.take()] == [("stop", None)]
    assert control.take() == []


def test_result_with_another_bit_is_not_known(tmp_path):
    folder = start_variant(make_run(tmp_path), "train-1")
    leave_result(folder)
    assert read_outcome(folder, KEY).scraps == {"score": 0.5}
    assert VariantRecord.read(folder).label == "lr=1"
    for name, there, here in (("result", b"0.5", b"0.7"), ("variant", b"lr=1", b"lr=9")):
        file = folder / f"{name}.json"
        file.write_bytes(file.read_bytes().replace(there, here))
    assert read_outcome(folder) is None
    assert VariantRecord.read(folder) is None


def test_record_of_another_variant_is_not_taken_for_its_own(tmp_path):
    run = make_run(tmp_path)
    first, second = (start_variant(run, f"train-{n}") for n in (1, 2))
    shutil.copy(second / "variant.json", first / "variant.json")
    assert VariantRecord.read(first) is None
    assert VariantRecord.read(second).name == "train-2"


def test_event_with_another_bit_is_left_out_and_told(tmp_path):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    EventLog(run).notify(ended("train-1"))
    run.events.write_bytes(run.events.read_bytes().replace(b"finished", b"fanished"))
    history = read_history(run)
    assert history.variants["train-1"].state is State.STOPPED
    assert history.damage.endswith("damaged (line 4 is not what was written); the rest is shown")


@pytest.mark.parametrize("name", ["half \ud800", "a/b", ""])
def test_event_of_a_stage_that_no_pipeline_can_have_is_damage(tmp_path, name):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    emit(run, "variant_added", variant="train-2", stage=name, label="", lineage={})
    history = read_history(run)
    assert (list(history.variants), history.stages) == (["train-1"], ["train"])
    assert "variant_added with an odd stage" in history.damage


def test_each_look_reads_what_is_new_alone(tmp_path):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    assert run.try_lock()
    reader = HistoryReader(run)
    before = reader.read()
    run.events.write_bytes(run.events.read_bytes().replace(b"train", b"?rain"))  # of the same size
    EventLog(run).notify(ended("train-1"))
    now = reader.read()
    assert [before.variants["train-1"].state, now.variants["train-1"].state] == [
        State.RUNNING,
        State.FINISHED,
    ]
    assert not now.damage
    run.unlock()


def test_history_that_was_read_is_changed_by_no_later_event(tmp_path):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    assert run.try_lock()
    reader = HistoryReader(run)
    before = reader.read()
    entry = {"time": 1.0, "step": 3, "values": {"loss": 0.5}, "rich": {}}
    emit(run, "metrics", variant="train-1", stage="train", entries=[entry])
    emit(run, "warning", message="beware")
    emit(run, "variant_paused", variant="train-1", stage="train", step=3, reason="asked")
    now = reader.read()
    variant = now.variants["train-1"]
    assert (variant.logged, variant.step, len(variant.course)) == ({"loss": 0.5}, 3, 1)
    assert now.warnings == ["beware"]
    variant = before.variants["train-1"]
    assert (variant.logged, variant.step, len(variant.course)) == ({}, None, 0)
    assert not before.warnings
    run.unlock()


def test_events_that_began_anew_are_read_from_the_beginning(tmp_path):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    assert run.try_lock()
    reader = HistoryReader(run)
    assert list(reader.read().variants) == ["train-1"]
    run.events.write_bytes(b"")
    emit(run, "warning", message="begun again")
    assert (reader.read().variants, reader.read().warnings) == ({}, ["begun again"])
    run.unlock()


def test_cell_is_told_while_it_runs_alone(tmp_path):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    assert run.try_lock()
    cell = {"number": 3, "count": 9, "line": "fit(x)", "began": 1.0}
    emit(run, "cell", variant="train-1", stage="train", **cell)
    variant = read_history(run).variants["train-1"]
    assert variant.cell == cell
    assert reason_of(variant, ()).startswith("in cell 3 of 9 since")
    EventLog(run).notify(ended("train-1"))
    variant = read_history(run).variants["train-1"]
    assert (variant.cell, reason_of(variant, ())) == (None, "")
    run.unlock()


def test_event_of_a_variant_without_its_stage_is_damage_and_the_rest_is_read(tmp_path):
    run = make_run(tmp_path)
    start_variant(run, "train-1")
    assert run.try_lock()
    reader = HistoryReader(run)
    emit(run, "replied", variant="train-9", id="x", is_done=True, message="done")
    emit(run, "warning", message="beware")
    history = reader.read()
    assert "replied of a variant without its stage" in history.damage
    assert (list(history.variants), history.warnings) == (["train-1"], ["beware"])
    run.unlock()
