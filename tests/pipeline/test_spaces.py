"""Distributions: their bounds, steps and determinism, and that they are Ray Tune's."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from typing import Any

import pytest

from nbexp.pipeline import Distribution
from nbexp.pipeline.spaces import KINDS, read_space

DRAWS = 3000

# kind, arguments, and the least and largest value that can come
CASES: list[tuple[str, tuple[Any, ...], float, float]] = [
    ("uniform", (-1.0, 2.0), -1.0, 2.0),
    ("quniform", (0.0, 1.0, 0.1), 0.0, 1.0),
    ("quniform", (-5, 5, 2.5), -5.0, 5.0),
    ("loguniform", (1e-4, 1e-1), 1e-4, 1e-1),
    ("qloguniform", (0.1, 10, 0.1), 0.1, 10.0),
    ("randint", (0, 5), 0, 4),
    ("randint", (-3, -1), -3, -2),
    ("qrandint", (0, 20, 5), 0, 20),
    ("qrandint", (1, 6, 1), 1, 5),
    ("lograndint", (1, 50), 1, 49),
    ("qlograndint", (2, 20, 2), 2, 20),
]
IDS = [f"{kind}{arguments}" for kind, arguments, *_ in CASES]


def draws(kind: str, arguments: tuple[Any, ...], count: int = DRAWS) -> list[Any]:
    return [Distribution(kind, arguments).draw("test", number) for number in range(count)]


@pytest.mark.parametrize(("kind", "arguments", "least", "largest"), CASES, ids=IDS)
def test_draws_keep_to_bounds_and_steps(
    kind: str, arguments: tuple[Any, ...], least: float, largest: float
) -> None:
    values = draws(kind, arguments)
    assert least <= min(values)
    assert max(values) <= largest
    if kind.startswith("q"):
        q = arguments[2]
        assert all(math.isclose(v / q, round(v / q), abs_tol=1e-9) for v in values)
    if "randint" in kind:
        assert all(isinstance(value, int) for value in values)
    if kind not in {"uniform", "loguniform", "qloguniform"}:  # few values, so each comes up
        assert (min(values), max(values)) == pytest.approx((least, largest))


@pytest.fixture(scope="module")
def tune() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own imports
        from ray import tune

    return tune


@pytest.mark.parametrize(("kind", "arguments", "least", "largest"), CASES, ids=IDS)
def test_support_is_that_of_ray_tune(
    tune: Any, kind: str, arguments: tuple[Any, ...], least: float, largest: float
) -> None:
    theirs = getattr(tune, kind)(*arguments).sample(size=DRAWS)
    ours = draws(kind, arguments)
    if kind in ("uniform", "loguniform"):
        middle = sorted(ours)[DRAWS // 2], sorted(theirs)[DRAWS // 2]
        assert middle[0] == pytest.approx(middle[1], rel=0.25, abs=0.1 * (largest - least))
    elif kind == "qloguniform":  # its largest values are rare
        assert len({round(v, 9) for v in ours} & {round(float(v), 9) for v in theirs}) > 80
    elif kind == "qlograndint":  # theirs rounds, ours draws a multiple: the same values
        assert set(ours) <= {int(v) for v in range(int(least), int(largest) + 1)}
    else:
        assert {round(float(v), 9) for v in ours} >= {round(float(v), 9) for v in theirs}
    assert min(theirs) >= least - 1e-9
    assert max(theirs) <= largest + 1e-9


@pytest.mark.parametrize("name", ["normal", "qnormal"])
def test_normal_has_mean_and_deviation(name: str) -> None:
    values = draws(name, (10, 2) if name == "normal" else (10, 2, 0.5))
    mean = sum(values) / len(values)
    sd = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    assert mean == pytest.approx(10, abs=0.15)
    assert sd == pytest.approx(2, abs=0.15)
    if name == "qnormal":
        assert all((2 * v).is_integer() for v in values)


def test_names_of_ray_tune_are_known(tune: Any) -> None:
    spaces = {"choice", "uniform", "quniform", "loguniform", "qloguniform", "randint",
              "qrandint", "lograndint", "qlograndint", "randn", "qrandn"}  # fmt: skip
    assert spaces <= set(KINDS)
    assert all(hasattr(tune, name) for name in spaces)


def test_steps_have_no_noise_in_their_digits() -> None:
    assert set(draws("quniform", (0.0, 1.0, 0.1))) == {n / 10 for n in range(11)}


def test_choice_takes_each_as_often() -> None:
    values = draws("choice", ("a", "b", "b"))
    assert 0.28 < values.count("a") / DRAWS < 0.39


PINNED = """
from nbexp.pipeline import Distribution as D
print(D("uniform", (0, 1)).draw(7, "train", "{}", 0, "lr"))
print(D("loguniform", (1e-4, 1e-1)).draw(7, "train", "{}", 0, "lr"))
print(D("randint", (0, 1000)).draw(7, "train", "{}", 0, "lr"))
print(D("normal", (0, 1)).draw(7, "train", "{}", 0, "lr"))
print(D("choice", ("a", "b", "c")).draw(7, "train", "{}", 1, "lr"))
"""
VALUES = ["0.8910570608888725", "0.04711630046623135", "912", "0.5737003661701215", "c"]


def test_draws_are_the_same_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", PINNED], env={"PYTHONHASHSEED": seed}, capture_output=True,
            text=True, check=True, cwd="."
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1
    assert found.pop().split() == VALUES


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "choice"])
def test_arity_is_that_of_the_signature(kind: str) -> None:
    assert KINDS[kind].arity == len(KINDS[kind].signature.split(", "))
    space, wrong = read_space(kind, [1] * (KINDS[kind].arity + 1))
    assert space is None
    assert f"expected {kind} = [{KINDS[kind].signature}]" in wrong
