"""The small file that tells how a run stands."""

from run_folders import make_run

from nbexp.run import Event, EventKind, RunHistory, StatusFile, status


def added(name: str) -> Event:
    return Event(EventKind.VARIANT_ADDED, 1.0, {"variant": name, "stage": "train"})


def test_last_event_before_a_long_silence_is_in_the_file(tmp_path, monkeypatch):
    run, history = make_run(tmp_path), RunHistory()
    file = StatusFile(run, history)
    for name in ("train-1", "train-2"):
        history.notify(added(name))
        file.notify(added(name))
    assert list(run.read_status()["variants"]) == ["train-1"]
    monkeypatch.setattr(status, "_EVERY_S", 0.0)  # the second goes by
    file.catch_up()
    assert list(run.read_status()["variants"]) == ["train-1", "train-2"]
    (run.path / "status.json").unlink()
    file.catch_up()
    assert run.read_status() == {}, "nothing new, so nothing is written"
