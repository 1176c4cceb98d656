"""Where a report can be written, and what is said where it can't."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbexp.errors import UsageError
from nbexp.reports import write_report


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("notes.txt", r"notes.txt is a file, but a report is a folder. Name a folder with --to"),
        ("notes.txt/report", r"can't be written to .*report: .*exists .*Name a folder with --to"),
        (
            "/proc/report",
            r"can't be written to /proc/report: .* \(/proc\). Name a folder with --to",
        ),
    ],
)
def test_place_that_takes_no_report_is_said_so(tmp_path: Path, place: str, message: str) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(UsageError, match=message):
        write_report(tmp_path / "run", tmp_path / place)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]
    assert notes.read_text() == "mine"
