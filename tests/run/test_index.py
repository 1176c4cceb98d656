"""The index follows the folders of runs, whatever happens to it or to them."""

import os
import shutil
import sqlite3

import pytest
from run_folders import KEY, leave_result, make_run, start_variant

from nbexp import State
from nbexp.files import write_json
from nbexp.run import RunIndex
from nbexp.run import index as index_module
from nbexp.runs.outcome import read_outcome

OTHER = "1" * 64


@pytest.fixture
def runs(tmp_path):
    """Return a folder of two runs that have ended: one executed a variant, one copied it."""
    for name, source in (("first", None), ("second", "elsewhere")):
        run = make_run(tmp_path, name)
        leave_result(start_variant(run, "train-1", source=source))
        leave_result(start_variant(run, "train-2"), State.FAILED)
        run.write_status({"pipeline": "digits", "state": "finished", "is_complete": True})
    return tmp_path / "runs"


@pytest.fixture
def index(runs):
    index = RunIndex(runs)
    yield index
    index.close()


def places(index, *keys):
    return {key: [f"{p.parents[1].name}/{p.name}" for p in some]
            for key, some in index.find(keys).items()}  # fmt: skip


def test_what_was_executed_is_found_and_its_copy_once_that_is_gone(runs, index):
    assert places(index, KEY, OTHER) == {KEY: ["first/train-1"]}
    (runs / "first/variants/train-1/result.json").unlink()
    assert places(index, KEY) == {KEY: ["second/train-1"]}
    shutil.rmtree(runs / "second")
    index.refresh()
    assert places(index, KEY) == {}


def test_several_results_of_one_key_are_found_newest_first(runs, index):
    index.find([KEY])
    run = make_run(runs.parent, "third")
    folder = start_variant(run, "train-1")
    leave_result(folder)
    outcome = read_outcome(folder, KEY)
    record = outcome.to_record() | {"started": 5.0, "ended": 8.0, "observed": {"inputs": {}}}
    write_json(folder / "result.json", record)
    index.add(folder, outcome.from_record(record), "train")
    assert places(index, KEY) == {KEY: ["third/train-1", "first/train-1"]}
    run.write_status({"pipeline": "digits", "state": "finished"})
    index.refresh()
    assert [took.seconds for took in index.took("digits", "train")] == [3.0, 1.0]
    assert index.took("digits", "other") == index.took("other", "train") == []


DAMAGES = {
    "deleted": lambda file: file.unlink(),
    "garbage": lambda file: file.write_bytes(b"garbage" * 1000),
    "empty": lambda file: file.write_bytes(b""),
    "truncated": lambda file: os.truncate(file, 6000),
    "another format": lambda file: sql(file, "PRAGMA user_version = 99", "DROP TABLE runs"),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "a pipe beside it": lambda file: os.mkfifo(f"{file}-journal"),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


def sql(file, *statements):
    database = sqlite3.connect(file)
    for statement in statements:
        database.execute(statement)
    database.close()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("is_open", [False, True])
def test_index_that_is_damaged_is_made_again(runs, index, damage, is_open):
    index.refresh()
    if not is_open:
        index.close()
    DAMAGES[damage](runs / ".index.db")
    index.refresh()
    later = RunIndex(runs)
    assert places(index, KEY) == places(later, KEY) == {KEY: ["first/train-1"]}
    later.close()


def test_index_that_another_one_has_locked_is_done_without(runs, index, monkeypatch):
    monkeypatch.setattr(index_module, "_BUSY_S", 0.01)
    index.refresh()
    index.close()
    other = sqlite3.connect(runs / ".index.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert places(index, KEY) == {KEY: ["first/train-1"]}
    folder = start_variant(make_run(runs.parent, "third"), "train-1", key=OTHER)
    leave_result(folder, key=OTHER)  # by a driver that can't tell this one
    assert places(index, OTHER) == {OTHER: ["third/train-1"]}
    other.close()


def test_run_that_has_ended_is_not_read_again_until_it_is_changed(runs, index, monkeypatch):
    index.refresh()
    read = []
    monkeypatch.setattr(index_module, "_read_run", lambda _database, run: read.append(run.id))
    index.refresh()
    assert read == []
    shutil.copytree(runs / "first", runs / "copied")
    shutil.rmtree(runs / "second/variants/train-1")
    index.refresh()
    assert sorted(read) == ["copied", "second"]


def test_runs_are_told_apart_by_what_has_to_be_done_about_them(runs, index):
    make_run(runs.parent, "cut-off")
    copies = make_run(runs.parent, "copies")
    leave_result(start_variant(copies, "train-1", source="elsewhere"))
    copies.write_status({"state": "finished", "is_complete": False})
    index.refresh()
    assert index.cut_off() == ["cut-off"]
    assert sorted(index.ended(is_complete=True)) == ["first", "second"]
    assert index.ended(is_complete=False) == ["copies"]
    assert index.ended(is_complete=False, executed=True) == []
