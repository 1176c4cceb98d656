"""Files that grow by lines."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from nbexp.files import append_line
from nbexp.lines import GrowingFile, JsonLinesFile, read_lines


def test_each_whole_line_is_returned_once(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    file = GrowingFile(path)
    assert file.take() == b""
    path.write_bytes(b"one\ntw")
    assert (file.take(), file.rest, file.offset) == (b"one\n", b"tw", 4)
    assert (file.take(), file.rest) == (b"", b"tw")
    path.write_bytes(b"one\ntwo\nthree\n")
    assert (file.take(), file.rest) == (b"two\nthree\n", b"")


def test_file_that_began_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"a first attempt\n")
    file = GrowingFile(path)
    file.take()
    path.write_bytes(b"a second\n")
    assert file.take() == b"a second\n"


def test_much_comes_in_parts_and_so_does_a_line_without_end(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(b"ab\ncd\n" + b"e" * 9 + b"\nf\n")
    file = GrowingFile(path, most=5)
    assert list(iter(file.take, b"")) == [b"ab\n", b"cd\n", b"eeeee", b"eeee\n", b"f\n"]


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        file = GrowingFile(tmp_path / name)
        with pytest.raises(OSError, match="no file"):
            file.take()


def test_what_no_memory_holds_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append_line(path, {"a": 1})
    lines = JsonLinesFile(path)
    assert list(lines.take()) == [{"a": 1}]
    os.truncate(path, 1 << 40)
    with pytest.raises(OSError, match="too large"):
        list(lines.take())


def test_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = JsonLinesFile(path)
    assert list(read_lines(path)) == list(lines.take()) == []
    append_line(path, {"a": math.inf})
    append_line(path, {"text": "two\nlines"})
    path.write_bytes(path.read_bytes() + b'{"cut": ')
    assert list(read_lines(path)) == list(lines.take()) == [{"a": math.inf}, {"text": "two\nlines"}]
    append_line(path, {"next": 1})
    assert list(read_lines(path))[2:] == list(lines.take()) == [{"next": 1}]


def test_damaged_lines_are_told_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    append_line(path, {"a": 1})
    append_line(path, {"b": 2})
    damage: list[str] = []
    lines = JsonLinesFile(path, damage=damage)
    path.write_bytes(path.read_bytes().replace(b'"b":2', b'"b":3').replace(b'"b": 2', b'"b": 3'))
    path.write_bytes(path.read_bytes() + b"{no\n" + b"[" * 5_000 + b"\n\n")
    assert list(lines.take()) == [{"a": 1}]
    append_line(path, {"c": 4})
    assert list(lines.take()) == [{"c": 4}]
    assert damage == ["line 2 is not what was written", "line 3 is no JSON", "line 4 is no JSON"]


def test_what_is_large_may_be_read_where_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_line(path, {"a": 1})
    with pytest.raises(OSError, match="too large"):
        list(JsonLinesFile(path, most=3).take())
    assert list(JsonLinesFile(path, most=2**34).take()) == [{"a": 1}]
