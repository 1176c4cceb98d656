from __future__ import annotations

import pytest

from nbexp.masks import Mask, MaskedStream


@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (["abc", "abcdef"], "abcdef abc", "*** ***"),
        (["a\nb"], "x a\nb y", "x *** y"),
        (["a\nb'c"], repr({"k": "a\nb'c"}), "{'k': \"***\"}"),
        (['a"b'], '{"k": "a\\"b"}', '{"k": "***"}'),
        (["abc\n"], "abc", "***"),
        (["", "  "], "a  b", "a***b"),
        ([], "abc", "abc"),
        ([], "no UTF-8: \ud800", "no UTF-8: ?"),
    ],
)
def test_text_is_masked(secrets: list[str], text: str, shown: str) -> None:
    assert Mask(secrets).text(text) == shown


def test_values_are_masked_in_their_texts_only() -> None:
    value = {"abc": ["abc", 1, None, {"k": ("xabc",)}]}
    assert Mask(["abc"]).value(value) == {"abc": ["***", 1, None, {"k": ["x***"]}]}


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("secrets", "text", "shown"),
    [
        (["one\ntwo\n"], "1 one\ntwo\n 2 one\nthree", "1 *** 2 one\nthree"),
        (["abca"], "abcabca ab", "***bca ab"),
        (["abc", "abcdef"], "abcdef abcdxabc", "*** ***dx***"),
    ],
)
def test_secret_in_pieces_is_masked(secrets: list[str], text: str, shown: str, size: int) -> None:
    stream = MaskedStream(Mask(secrets))
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert "".join(map(stream.feed, pieces)) + stream.flush() == shown


def test_text_that_starts_no_secret_is_shown_at_once() -> None:
    stream = MaskedStream(Mask(["secret"]))
    assert stream.feed("epoch 1\n") == "epoch 1\n"
