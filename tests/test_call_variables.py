"""Environment variables that are set for a call, in a process whose environment is changed."""

from __future__ import annotations

import os

import pytest

from nbexp.call_variables import environment, put_back, set_environment, set_for_a_call


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch):
    before = dict(os.environ)
    monkeypatch.setenv("KNOWN", "before")
    yield
    set_environment(before)


def test_what_is_set_for_a_call_is_no_part_of_the_environment() -> None:
    set_for_a_call({"KNOWN": "call", "LOGIN": "secret"})
    assert (os.environ["KNOWN"], os.environ["LOGIN"]) == ("call", "secret")
    assert environment()["KNOWN"] == "before"
    assert "LOGIN" not in environment()
    put_back({"KNOWN": "", "LOGIN": ""})
    assert os.environ["KNOWN"] == "before"
    assert "LOGIN" not in os.environ


def test_environment_that_is_changed_during_a_call_is_there_after_it() -> None:
    set_for_a_call({"LOGIN": "secret"})
    set_environment({**environment(), "KNOWN": "after", "LOGIN": "own"})
    assert (os.environ["KNOWN"], os.environ["LOGIN"]) == ("after", "secret")
    put_back({"LOGIN": ""})
    assert os.environ["LOGIN"] == "own"


def test_names_that_are_not_given_are_removed() -> None:
    set_environment({name: value for name, value in environment().items() if name != "KNOWN"})
    assert "KNOWN" not in os.environ
