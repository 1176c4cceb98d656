"""The small file that tells how a run stands."""

import math
from pathlib import Path

from run_folders import make_run

from nbexp.run import StatusFile, status
from nbexp.runs.events import Event, EventKind
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory


def added(name: str) -> Event:
    return Event(EventKind.VARIANT_ADDED, 1.0, {"variant": name, "stage": "train"})


def told_of_two(folder: Path) -> tuple[RunFolder, StatusFile]:
    """Return a run and its file, which was told of two variants, the second at once."""
    run, history = make_run(folder), RunHistory()
    file = StatusFile(run, history)
    for name in ("train-1", "train-2"):
        history.notify(added(name))
        file.notify(added(name))
    return run, file


def test_last_event_before_a_long_silence_is_in_the_file(tmp_path, monkeypatch):
    run, file = told_of_two(tmp_path)
    assert list(run.read_status()["variants"]) == ["train-1"]
    monkeypatch.setattr(status, "_EVERY_S", 0.0)  # the second goes by
    monkeypatch.setattr(status, "_SHARE", math.inf)
    file.catch_up()
    assert list(run.read_status()["variants"]) == ["train-1", "train-2"]
    (run.path / "status.json").unlink()
    file.catch_up()
    assert run.read_status() == {}, "nothing new, so nothing is written"


def test_file_that_takes_long_to_write_is_written_less_often(tmp_path, monkeypatch):
    monkeypatch.setattr(status, "_EVERY_S", 0.0)
    monkeypatch.setattr(status, "_SHARE", 1e-9)
    run, file = told_of_two(tmp_path)
    assert list(run.read_status()["variants"]) == ["train-1"]
    file.notify(Event(EventKind.RUN_ENDED, 1.0, {}))
    assert list(run.read_status()["variants"]) == ["train-1", "train-2"], "the end is told at once"
