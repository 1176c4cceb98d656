from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from nbexp import files, lines


@pytest.mark.parametrize(
    "value",
    [None, True, 1, 2**70, 0.1, "é\n", [], {}, {"a": [1, {"b": None}]}, math.inf, -math.inf,
     {"deep": [math.inf]}],
)  # fmt: skip
def test_json_comes_back_as_it_was(value: Any) -> None:
    text = files.to_json(value)
    json.loads(text, parse_constant=pytest.fail)
    assert files.from_json(text) == value


def test_nan_comes_back_as_nan() -> None:
    assert math.isnan(files.from_json(files.to_json(math.nan)))


def test_json_that_is_shown_is_strict_and_has_numbers_that_are_not_finite_as_texts() -> None:
    value = {"a": math.inf, "b": [math.nan, (-math.inf, -0.0)], "c": 2**70}
    text = files.shown_json(value)
    shown = json.loads(text, parse_constant=pytest.fail)
    assert shown == {"a": "inf", "b": ["nan", ["-inf", -0.0]], "c": 2**70}
    texts = [files.value_text(each) for each in (math.inf, 0.1, "a", True, None, [math.nan])]
    assert texts == ["inf", "0.1", "a", "true", "null", '["nan"]']


def test_halves_of_characters_are_kept_in_json_and_replaced_in_other_texts(tmp_path: Path) -> None:
    value = {"caf\udce9": ["\ud800", "é"]}
    files.write_json(tmp_path / "it.json", value)
    assert files.read_json(tmp_path / "it.json") == value
    files.write_atomic(tmp_path / "it.txt", "caf\udce9")
    assert (tmp_path / "it.txt").read_text() == files.fit_text("caf\udce9") == "caf?"


def test_canonical_json_has_one_form() -> None:
    assert files.canonical_json({"b": 1, "a": (1, "é")}) == '{"a":[1,"\\u00e9"],"b":1}'
    assert files.digest({"a": 1, "b": 2}) == files.digest({"b": 2, "a": 1})
    assert files.digest(1) != files.digest(1.0)
    assert files.digest(1) == "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"


def test_digest_of_a_folder_is_that_of_paths_and_contents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "a.txt").write_text("a")
    one, two = tmp_path / "one", tmp_path / "two"
    assert files.file_digest(one) == files.file_digest(two)
    (two / "inner" / "a.txt").rename(two / "a.txt")
    assert files.file_digest(one) != files.file_digest(two)


def test_failed_write_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        files.write_json(path, {"a": object()})
    assert files.read_json(path) == {"a": 1}
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        files.write_atomic(path, "x")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_durable_write(tmp_path: Path) -> None:
    files.write_atomic(tmp_path / "a", b"\x00", durable=True)
    assert (tmp_path / "a").read_bytes() == b"\x00"


def test_line_that_does_not_fit_on_the_disk_is_an_error(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        files.append_line(tmp_path / "full", {})


def test_table_with_another_bit_is_not_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    value = {"score": 0.5, "deep": {"crc32": "00000000"}, "text": "\ud800 é", "nan": [math.inf]}
    files.write_json(path, value, is_checked=True)
    assert files.read_json(path) == value
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.7"))
    with pytest.raises(files.ChecksumError, match="not what was written"):
        files.read_json(path)


def test_line_with_another_bit_is_left_out_and_told(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for number in range(3):
        files.append_line(path, {"number": number})
    path.write_bytes(path.read_bytes().replace(b'"number": 1', b'"number": 7'))
    damage: list[str] = []
    assert list(lines.read_lines(path, damage)) == [{"number": 0}, {"number": 2}]
    assert damage == ["line 2 is not what was written"]


def test_table_without_a_checksum_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"crc32": "no checksum", "a": 1}')
    assert files.read_json(tmp_path / "a.json") == {"crc32": "no checksum", "a": 1}
