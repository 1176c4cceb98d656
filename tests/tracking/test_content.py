"""What MLflow is told of a variant, in the forms that it accepts."""

import math

import pytest

from nbexp.runs.outcome import Outcome
from nbexp.states import State
from nbexp.tracking.content import metrics_of, params_of, values_of


def metrics(**scraps: object) -> dict[str, float]:
    return metrics_of(Outcome("a", "k", State.FINISHED, 0.0, 1.0, scraps=scraps))


def test_metrics_are_the_scraps_that_are_numbers():
    found = metrics(score=1, ratio=0.5, flag=True, text="1", nothing=None, table={"a": 1})
    assert found == {"score": 1.0, "ratio": 0.5}


def test_numbers_that_are_not_finite_or_too_large_are_metrics_too():
    found = metrics(nan=math.nan, inf=-math.inf, large=10**400, small=-(10**400))
    assert math.isnan(found.pop("nan"))
    assert found == {"inf": -math.inf, "large": math.inf, "small": -math.inf}


@pytest.mark.parametrize(
    "name",
    ["a/b", "a.b", "lr (log)", "größe", "", ".", "..", "..x", "/x", "a//b", "a/", "a/../b", "./a",
     "x" * 300, "x" * 249 + "/y"],
)  # fmt: skip
def test_every_name_becomes_one_that_mlflow_takes(name):
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    (metric,) = metrics(**{name: 1})
    _validate_metric_name(metric)
    (param,) = params_of({name: 1})
    _validate_param_name(param)


def test_tables_are_flattened_and_long_values_cut():
    assert params_of({"optimizer": {"lr": 0.1, "betas": [1, 2]}, "empty": {}}) == {
        "optimizer.lr": "0.1",
        "optimizer.betas": "[1, 2]",
        "empty": "{}",
    }
    assert len(params_of({"text": "x" * 10_000})["text"]) == 6000


def test_parameters_are_nbexps_where_a_notebook_has_logged_others():
    logged = {"lr": "0.5", "nbexp.lr": "0.1", "n": "[1]"}
    assert values_of(logged) == {"lr": 0.1, "n": [1]}


def test_numbers_that_are_not_finite_are_params_and_come_back():
    params = {
        "clip": math.inf,
        "low": [-math.inf, 1],
        "table": {"a": math.inf},
        "text": "caf\udce9",
    }
    told = params_of(params)
    assert told == {"clip": "inf", "low": '["-inf", 1]', "table.a": "inf", "text": "caf?"}
    assert values_of(told) == {"clip": math.inf, "low": [-math.inf, 1], "table.a": math.inf,
                               "text": "caf?"}  # fmt: skip
