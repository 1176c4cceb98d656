from __future__ import annotations

import base64

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
        (["a\nb", "line"], "a\\nb, a&#10;b, a%0ab, a%250Ab", "***, ***, ***, ***"),
        (["a&'é"], "a&amp;&#x27;é a&amp;amp;&#39;&eacute; a\\u0026\\'\\xe9", "*** *** ***"),
        (["a&'é"], "a%26%27%c3%a9 a&'\\xc3\\xa9 a\\&''\\u00E9 a&\\\\'é", "*** *** *** ***"),
        (["a b"], "a+b a%20b a%2520b", "*** *** ***"),
        (["user:password"], base64.b64encode(b"x: user:password").decode()[:-2], "eDog***A"),
        ([], "abc", "abc"),
        ([], "no UTF-8: \ud800", "no UTF-8: ?"),
    ],
)
def test_text_is_masked(secrets: list[str], text: str, shown: str) -> None:
    assert Mask(secrets).text(text) == shown


def test_values_are_masked_in_their_texts_and_keys() -> None:
    value = {"abc": ["abc", 1, None, {"k": ("xabc",)}], "def": 2}
    assert Mask(["abc", "def"]).value(value) == {
        "***": ["***", 1, None, {"k": ["x***"]}],
        "*** (2)": 2,
    }


def test_words_of_the_notebook_format_stay_where_they_are_keys() -> None:
    assert Mask(["data"]).value({"data": "data", "my data": 1}) == {"data": "***", "my ***": 1}


def test_a_text_that_was_cut_off_shows_no_beginning_of_a_secret() -> None:
    mask = Mask(["https://a.example/?sv=1&sig=abc"])
    assert mask.text("| https://a.example/?sv=1&amp;s... |") == "| ***... |"
    assert mask.text("see https://a.example/ ...") == "see https://a.example/ ..."
    assert mask.text("https:/…") == "https:/…"


def test_query_of_a_secret_address_is_masked_by_itself() -> None:
    mask = Mask(["https://a.example/b?sv=1&sig=Hu7sEcRet"])
    text = (
        "https://a.example: Max retries exceeded with url: /b?sv=1&sig=Hu7sEcRet; sv=1, Hu7sEcRet"
    )
    shown = "https://a.example: Max retries exceeded with url: ***; sv=1, ***"
    assert mask.text(text) == shown


def test_lines_of_a_secret_are_masked_one_by_one() -> None:
    assert Mask(["first line\n}\nsecond line\n"]).text("['first line', '}']") == "['***', '}']"


def test_colours_of_a_terminal_do_not_uncover_a_secret() -> None:
    mask = Mask(["abc&def"])
    text = "\x1b[1mabc\x1b[0m&\x1b[35mdef\x1b[0m"
    assert mask.text(text) == "\x1b[1m***\x1b[0m"
    stream = MaskedStream(mask)
    assert "".join(map(stream.feed, text)) + stream.flush() == "\x1b[1m***\x1b[0m"


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
