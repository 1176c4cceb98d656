"""The store of snapshots: opened for reading it changes nothing, and it may read from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbexp.checkpoints.snapshots import LoopPlace, Moment, Snapshot, folder_name, read, write
from nbexp.checkpoints.store import SnapshotStore

CONTENT = {"objects": {}, "generators": {}, "entries": [None], "settings": {}}


def leave(folder: Path, index: int, number: int | None = None) -> Snapshot:
    places = (LoopPlace("epoch", 0, index, keeps=True),)
    number = index if number is None else number
    target = folder / folder_name(number, places, Moment.START)
    snapshot = Snapshot(target, number, Moment.START, places, "train-1")
    write(snapshot, CONTENT)
    return read(target)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for index in (1, 2, 3):
        leave(tmp_path / "source", index)
    (tmp_path / "source" / ".unfinished.0a0a0a0a").mkdir()
    return tmp_path / "source"


def test_store_that_is_opened_for_reading_deletes_nothing(source: Path) -> None:
    before = listing(source)
    store = SnapshotStore(None, source)
    assert [each.number for each in store.snapshots] == [1, 2, 3]
    store.sweep()
    store.thin(0)
    store.remove(store.snapshots[0])
    assert [each.number for each in store.snapshots] == [2, 3]
    assert listing(source) == before


def test_store_writes_to_one_place_and_reads_another(source: Path, tmp_path: Path) -> None:
    before, own = listing(source), tmp_path / "own"
    store = SnapshotStore(own, source)
    for index in (4, 5, 6, 7):
        assert store.next_number() == index
        store.add(leave(own, index))
    assert [each.number for each in SnapshotStore(own, source).snapshots] == [1, 2, 3, 4, 5, 6, 7]
    store.thin(0)
    assert [each.number for each in store.snapshots] == [1, 2, 3, 6, 7]  # a resume needs two
    assert [each.number for each in SnapshotStore(own).snapshots] == [6, 7]
    assert listing(source) == before


def test_store_sweeps_what_was_left_unfinished(source: Path) -> None:
    SnapshotStore(source).sweep()
    assert not list(source.glob(".*"))
    assert len(SnapshotStore(source).snapshots) == 3
