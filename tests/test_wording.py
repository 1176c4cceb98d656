"""Numbers and places as people read them."""

from __future__ import annotations

import time

import pytest

from nbexp.wording import aligned, cell_text, duration_text


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([], []),
        ([0.897769, 0.40607], ["0.8978", "0.4061"]),
        ([1.0, 0.9999912, 0.5], ["1.00000", "0.99999", "0.50000"]),
        ([1.0, 1.0, 0.25], ["1.00", "1.00", "0.25"]),
        ([30, 2], ["30", "2"]),
        ([1234.5678, 0.5], ["1234.57", "0.50"]),
        ([5.0, 0.001, 0.0], ["5.000", "0.001", "0.000"]),
        ([3e-7, 0.5], ["3e-07", "0.5"]),
        ([0.1 + 0.2, 0.3], ["0.30000000000000004", "0.29999999999999999"]),
        ([float("inf"), 0.5, float("-inf"), float("nan")], ["∞", "0.5", "-∞", "NaN"]),
    ],
)
def test_numbers_of_a_column_are_aligned_and_told_apart(numbers, texts) -> None:
    assert aligned(numbers) == texts


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (3, "3 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_shown_as_people_say_them(seconds, shown):
    assert duration_text(seconds) == shown


@pytest.mark.parametrize(
    ("number", "line", "text"),
    [
        (3, "fit(x)", "in cell 3 of 9 since 14:03:12: fit(x)"),
        (3, "", "in cell 3 of 9 since 14:03:12"),
        (None, "lr = 1", "in the parameters since 14:03:12: lr = 1"),
    ],
)
def test_cell_that_runs_is_told_by_its_place(number, line, text) -> None:
    began = time.mktime((2026, 11, 20, 14, 3, 12, 0, 0, -1))
    assert cell_text({"number": number, "count": 9, "line": line, "began": began}) == text


def test_cell_of_a_damaged_file_is_told_without_its_time() -> None:
    cell = {"number": 1, "count": 2, "line": "", "began": 1e300}
    assert cell_text(cell) == "in cell 1 of 2"
