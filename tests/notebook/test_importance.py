"""How much each parameter of variants matters."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

import nbexp
from nbexp.permutation_importance import importance


def record(params: dict[str, Any], **metrics: float) -> dict[str, Any]:
    return {"variant": "train-a", "params": params, "metrics": metrics, "notebook": "a.ipynb"}


def grid(**values: list[Any]) -> list[dict[str, Any]]:
    """Return records of all combinations; the loss comes from `lr`, and a little from `name`."""
    rows = [dict(zip(values, row, strict=True)) for row in itertools.product(*values.values())]
    return [
        record({"optimizer": {"lr": each["lr"]}, **each, "epochs": 30},
               loss=math.log10(each["lr"]) + 0.2 * (each["name"] == "adam"))
        for each in rows
    ]  # fmt: skip


RECORDS = grid(lr=[0.001, 0.01, 0.1], name=["adam", "sgd"], layers=[[8], [8, 8]], seed=[0, 1])


def test_the_parameter_that_decides_comes_first() -> None:
    records = [{**each, "params": {**each["params"], "lr": 1}} for each in RECORDS]
    table = nbexp.importance(records, "loss")

    assert list(table.columns) == ["param", "share", "error"]
    assert list(table["param"][:2]) == ["optimizer.lr", "name"]
    assert {*table["param"]} == {"optimizer.lr", "name", "layers", "seed"}
    assert table["share"][0] > 0.8
    assert table["share"].sum() == pytest.approx(1)
    assert table.attrs["note"].startswith("From 24 variants, by a random forest")


def test_variants_without_a_number_take_no_part() -> None:
    others = [record({"lr": 9.0}, loss=math.nan), record({"lr": 9.0}), record({"lr": 9.0}, acc=1.0)]
    table = nbexp.importance([*RECORDS, *others], "loss")

    assert table.attrs["note"].startswith("From 24 variants")


@pytest.mark.parametrize(
    ("records", "why"),
    [
        (RECORDS[:7], "there are 7"),
        ([], "no parameter in which"),
        ([record({"lr": 0.1}, loss=float(n)) for n in range(9)], "no parameter in which"),
        ([record({"lr": 0.1 + n}, loss=1.0) for n in range(9)], "the same for all"),
    ],
)
def test_what_can_not_be_told_is_an_empty_table_with_a_reason(records: Any, why: str) -> None:
    table = nbexp.importance(records, "loss")

    assert table.empty
    assert why in table.attrs["note"]


def test_unknown_metric_is_refused_with_a_suggestion() -> None:
    with pytest.raises(nbexp.NbexpError, match="Did you mean 'loss'"):
        nbexp.importance(RECORDS, "los")


@pytest.mark.parametrize(
    ("records", "came"),
    [
        ("@train[all]", "got a str"),
        ([0.5], "item 0 is a float"),
        ([{"variant": "train-a", "metrics": {}}], "item 0 has no params"),
    ],
)
def test_anything_else_is_refused(records: Any, came: str) -> None:
    with pytest.raises(nbexp.NbexpError, match=came) as caught:
        nbexp.importance(records, "loss")
    assert "its params and metrics" in str(caught.value)
    assert '"@STAGE[all]"' in str(caught.value)


def test_order_of_the_variants_says_nothing() -> None:
    rows = nbexp.importance(RECORDS, "loss")
    again = nbexp.importance(RECORDS[::-1], "loss")
    assert again.to_dict("records") == rows.to_dict("records")
    assert again.attrs == rows.attrs


def test_of_many_variants_a_sample_is_enough() -> None:
    values = [number / 100 for number in range(1_100)]
    table, note = importance({"lr": values, "odd": [n % 2 for n in range(1_100)]}, values)
    assert table
    assert table[0]["param"] == "lr"
    assert note.startswith("From 1000 of 1,100 variants")
