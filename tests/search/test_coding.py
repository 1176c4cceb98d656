"""Distributions as search libraries see them, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from nbexp.pipeline import Distribution
from nbexp.search._coding import Plain

EVERY = [
    Distribution("uniform", (-1.0, 3.0)),
    Distribution("quniform", (0.0, 1.0, 0.1)),
    Distribution("loguniform", (1e-5, 1e-1)),
    Distribution("qloguniform", (0.1, 10.0, 0.1)),
    Distribution("randint", (-3, 9)),
    Distribution("qrandint", (8, 64, 8)),
    Distribution("lograndint", (1, 10_000)),
    Distribution("qlograndint", (10, 1000, 10)),
    Distribution("normal", (1.0, 2.0)),
    Distribution("qnormal", (0.0, 2.0, 0.5)),
    Distribution("choice", ("a", None, 1, True, [1, 2], {"k": 1.0})),
]


@pytest.mark.parametrize("distribution", EVERY, ids=lambda each: each.kind)
def test_a_value_that_is_drawn_is_found_again(distribution: Distribution) -> None:
    coding = Plain(distribution)
    for seed in range(50):
        value = distribution.draw(seed)
        again = coding.decode(coding.encode(value))
        assert type(again) is type(value)
        assert again == (pytest.approx(value) if isinstance(value, float) else value)


@pytest.mark.parametrize("distribution", EVERY, ids=lambda each: each.kind)
@pytest.mark.parametrize("value", ["z", 1e9, -1e9, float("nan"), float("inf"), None, False])
def test_a_value_outside_is_none_of_the_space(distribution: Distribution, value: Any) -> None:
    if value is None and distribution.kind == "choice":
        return
    assert Plain(distribution).encode(value) is None


@pytest.mark.parametrize(
    ("kind", "arguments", "value", "nearest"),
    [
        ("uniform", (0.0, 1.0), 1.2, 1.0),
        ("uniform", (0.0, 1.0), 0.123456789, 0.123456789),
        ("loguniform", (0.1, 1.0), 0.01, 0.1),
        ("quniform", (0.0, 1.0, 0.1), 0.26, 0.3),
        ("randint", (1, 5), 9.6, 4),
        ("randint", (1, 5), 2.4, 2),
        ("qrandint", (8, 64, 8), 13, 16),
        ("lograndint", (1, 100), 55.4, 55),
        ("normal", (0.0, 1.0), 2.5, 2.5),
    ],
)
def test_the_nearest_value_of_a_space(
    kind: str, arguments: tuple[Any, ...], value: float, nearest: float
) -> None:
    found = Plain(Distribution(kind, arguments)).nearest(value)
    assert found == pytest.approx(nearest, rel=1e-15)
    assert type(found) is type(nearest)
