"""Which of a variant's snapshots another one goes on from."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbexp.checkpoints.snapshots import LoopPlace, Moment, Snapshot, write
from nbexp.run.progress import newest_snapshot, snapshot_after
from nbexp.runs.variant_folder import VariantFolder


@pytest.fixture
def donor(tmp_path: Path) -> Path:
    """A variant with snapshots after steps 3, 7 and 11, and one after its loop's last iteration."""
    moments = [(3, Moment.START), (7, Moment.START), (11, Moment.START), (14, Moment.DONE)]
    for number, (step, moment) in enumerate(moments, start=1):
        folder = tmp_path / "snapshots" / f"{number:08}-epoch"
        place = LoopPlace("epoch", 0, step + 1, keeps=True)
        write(Snapshot(folder, number, moment, (place,), "train-a", step=step), {"objects": {}})
    return tmp_path


@pytest.mark.parametrize(("step", "found"), [(0, 3), (3, 3), (4, 7), (7, 7), (11, 11)])
def test_donor_is_taken_as_it_was_when_it_was_chosen(donor: Path, step: int, found: int) -> None:
    snapshot = snapshot_after(VariantFolder(donor), step)
    assert snapshot is not None
    assert snapshot.step == found


def test_no_snapshot_after_a_step_that_has_none(donor: Path, tmp_path: Path) -> None:
    assert snapshot_after(VariantFolder(donor), 12) is None
    assert snapshot_after(VariantFolder(tmp_path / "other"), 0) is None


def test_newest_snapshot_is_the_last_from_which_a_loop_goes_on(donor: Path) -> None:
    snapshot = newest_snapshot(VariantFolder(donor))
    assert snapshot is not None
    assert snapshot.step == 11
