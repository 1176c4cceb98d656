"""The reader of scraps takes what other writers left, and whatever is broken."""

import base64
import math

import pandas as pd
import pytest

from nbexp.notebook.reader import Scraps, scraps


def notebook(*outputs: dict) -> dict:
    return {"nbformat": 4, "cells": [{"cell_type": "markdown"}, {"outputs": list(outputs)}]}


def scrap(name: str, data: object, encoder: str = "json") -> dict:
    payload = {"name": name, "data": data, "encoder": encoder, "version": 1}
    return {"data": {f"application/scrapbook.scrap.{encoder}+json": payload}, "metadata": {}}


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("inf", math.inf),
        ("-inf", -math.inf),
        (["inf", {"a": "-inf"}], [math.inf, {"a": -math.inf}]),
    ],
)
def test_numbers_that_scrapbook_left_as_texts_are_numbers(data, value):
    assert scraps(notebook(scrap("it", data))).values == {"it": value}
    assert math.isnan(scraps(notebook(scrap("it", "nan"))).values["it"])


def test_one_unreadable_scrap_hides_no_other():
    read = scraps(
        notebook(
            scrap("before", 1),
            scrap("arrow", "x", "arrow"),
            scrap("frame", "no base64!", "pandas"),
            scrap("number as frame", 3, "pandas"),
            {"data": {"application/scrapbook.scrap.json+json": "no table"}},
            {"output_type": "stream", "text": "x"},
            {"data": {}, "metadata": {"scrapbook": None}},
            scrap("after", 2),
        )
    )
    assert read.values == {"before": 1, "after": 2}
    assert read.unreadable.keys() == {"arrow", "frame", "number as frame", "(json)"}
    assert "'arrow' is not known" in read.unreadable["arrow"]


def test_scrap_that_was_glued_again_is_readable_again():
    read = scraps(notebook(scrap("it", "x", "arrow"), scrap("it", 1)))
    assert (read.values, read.unreadable) == ({"it": 1}, {})


def test_records_of_old_papermill_are_read():
    record = {"data": {"application/papermill.record+json": {"a": 1, "b": [2]}}}
    shown = {"data": {"text/plain": "x"}, "metadata": {"papermill": {"name": "figure"}}}
    read = scraps(notebook(record, shown))
    assert read.values == {"a": 1, "b": [2]}
    assert read.displays == {"figure": {"text/plain": "x"}}


def test_frames_are_parquet_files():
    content = pd.DataFrame({"a": [1]}).to_parquet()
    read = scraps(notebook(scrap("it", base64.b64encode(content).decode(), "pandas")))
    assert read.frames == {"it": content}


def test_notebook_without_outputs_has_no_scraps():
    assert scraps({"cells": [{"cell_type": "code", "outputs": []}]}) == Scraps()
    assert scraps({}) == Scraps()
