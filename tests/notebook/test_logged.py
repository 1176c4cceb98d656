"""What variants logged, as one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nbexp
from nbexp.files import to_json
from nbexp.metrics import Entry, mark_return


def record(folder: Path, variant: str, *lines: Entry | dict[str, Any]) -> dict[str, Any]:
    """Return a gathered record of a variant that logged some lines."""
    place = folder / variant
    place.mkdir()
    records = [line.to_record() if isinstance(line, Entry) else line for line in lines]
    if records:
        (place / "metrics.jsonl").write_text("".join(to_json(each) + "\n" for each in records))
    return {"variant": variant, "params": {}, "notebook": str(place / "notebook.ipynb")}


def entry(step: int, **values: float) -> Entry:
    return Entry(0.0, step, values, {})


def test_each_number_is_a_row(tmp_path: Path) -> None:
    records = [
        record(tmp_path, "train-b", entry(0, loss=2.0, accuracy=0.5), entry(1, loss=1.0)),
        record(tmp_path, "train-a", entry(0, loss=3.0)),
    ]
    table = nbexp.curves(records)

    assert list(table.columns) == ["variant", "step", "name", "value"]
    assert table.to_numpy().tolist() == [
        ["train-b", 0, "loss", 2.0],
        ["train-b", 0, "accuracy", 0.5],
        ["train-b", 1, "loss", 1.0],
        ["train-a", 0, "loss", 3.0],
    ]


def test_variant_that_logged_nothing_has_no_rows(tmp_path: Path) -> None:
    table = nbexp.curves([record(tmp_path, "train-a")])

    assert table.empty
    assert table["value"].dtype == float


def test_what_was_logged_twice_counts_once(tmp_path: Path) -> None:
    lines = entry(0, loss=2.0), entry(1, loss=1.0), entry(1, loss=1.5)
    table = nbexp.curves([record(tmp_path, "train-a", *lines)])

    assert list(table["value"]) == [2.0, 1.0]


def test_steps_after_another_ones_snapshot_are_the_later_ones(tmp_path: Path) -> None:
    before = entry(0, loss=3.0), entry(1, loss=2.9), entry(2, loss=2.8)
    after = entry(1, loss=1.0), entry(2, loss=0.5)
    table = nbexp.curves([record(tmp_path, "train-a", *before, mark_return(0), *after)])

    assert list(table["step"]) == [0, 1, 2]
    assert list(table["value"]) == [3.0, 1.0, 0.5]


@pytest.mark.parametrize(
    ("records", "came"),
    [
        ("@train[all]", "got a str"),
        (None, "got a NoneType"),
        ({"variant": "train-a"}, "got a dict"),
        ([0.5], "item 0 is a float"),
        ([{"variant": "train-a"}], "item 0 has no notebook"),
        ([{"params": {}}], "item 0 has no variant and no notebook"),
    ],
)
def test_anything_else_is_refused(records: Any, came: str) -> None:
    with pytest.raises(nbexp.NbexpError, match=came) as caught:
        nbexp.curves(records)
    assert '"@STAGE[all]"' in str(caught.value)
