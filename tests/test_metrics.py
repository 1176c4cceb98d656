"""The file of what a variant logged: read along, without what was logged twice."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from nbexp.files import append_line
from nbexp.metrics import Entry, Reported, Tail, read_metrics, summary


def entry(step: int, **values: float) -> Entry:
    return Entry(1.5, step, values, {})


def write(path: Path, *entries: Entry) -> None:
    for each in entries:
        append_line(path, each.to_record())


def test_entries_come_back(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rich = {"note": {"kind": "text", "text": "grüße"}}
    entries = [entry(0, loss=0.5, odd=math.inf), Entry(2.0, 1, {}, rich)]
    write(path, *entries)
    assert read_metrics(path) == entries


def test_nan_is_kept(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, entry(0, loss=math.nan))
    assert math.isnan(read_metrics(path)[0].values["loss"])


def test_a_tail_returns_what_is_new(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tail = Tail(path)
    assert tail.take() == []
    write(path, entry(0, loss=1))
    assert tail.take() == [entry(0, loss=1)]
    assert tail.take() == []
    write(path, entry(1, loss=2), entry(2, loss=3))
    assert tail.take() == [entry(1, loss=2), entry(2, loss=3)]


def test_an_unfinished_line_waits_and_a_broken_one_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tail = Tail(path)
    write(path, entry(0, loss=1))
    with path.open("a") as file:
        file.write('{"time": 1, "step": 1, "val')
    assert tail.take() == [entry(0, loss=1)]
    write(path, entry(2, loss=3))  # begins a new line
    assert tail.take() == [entry(2, loss=3)]


def test_what_is_logged_again_is_left_out_by_name_and_step(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, entry(0, loss=1), entry(0, loss=9, other=2), entry(0, other=3), entry(1, loss=4))
    assert read_metrics(path) == [entry(0, loss=1), entry(0, other=2), entry(1, loss=4)]


@pytest.mark.parametrize("line", ["3", "[]", '{"step": 1}', '{"time": 1, "step": 1}', "\x00"])
def test_lines_that_are_no_entries_break_nothing(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    path.write_text(line + "\n")
    assert read_metrics(path) == []


def test_summary_has_last_least_and_most():
    entries = [entry(0, loss=3), entry(2, loss=1), entry(1, loss=math.nan), entry(0, other=7)]
    assert summary(entries) == {
        "loss": Reported(last=1, step=2, least=1, most=3, count=3),
        "other": Reported(last=7, step=0, least=7, most=7, count=1),
    }
    only = summary([entry(0, loss=math.nan), entry(1, loss=2)])["loss"]
    assert (only.least, only.most, only.last) == (2, 2, 2)
