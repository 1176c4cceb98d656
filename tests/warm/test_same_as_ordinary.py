"""Kernels that import the packages most used tell the same, warm and ordinary."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.warmth.__main__ import PAGE, RESULTS, Row, page
from benchmarks.warmth.comparing import differences, exception, left_out, told
from benchmarks.warmth.packages import PACKAGES

# These are there wherever the tests are.
NAMES = (
    "numpy", "pandas", "pyarrow", "matplotlib", "scikit-learn", "torch", "mlflow", "optuna",
    "plotly", "altair", "tqdm", "rich", "ipywidgets", "ipython", "click", "pyyaml",
)  # fmt: skip
KERNELS = [each for each in PACKAGES if each.name in NAMES]


@pytest.fixture(scope="module")
def compared() -> Iterator[tuple[list[dict[str, Any]], dict[str, str]]]:
    """What two ordinary and two warm kernels tell, and what was left out of the warm ones."""
    imports = [name for package in KERNELS for name in package.imports]
    shows = [code for package in KERNELS for code in package.shows]
    with tempfile.TemporaryDirectory(prefix="w-", dir="/tmp") as name:
        yield told(imports, shows, Path(name)), left_out(Path(name))


def test_warm_kernels_tell_what_ordinary_ones_do(
    compared: tuple[list[dict[str, Any]], dict[str, str]],
) -> None:
    found, _ = compared
    assert len(found[0]["values"]) > 1000
    assert [str(each) for each in differences(found) if not exception(each)] == []


def test_packages_most_used_are_imported_beforehand(
    compared: tuple[list[dict[str, Any]], dict[str, str]],
) -> None:
    _, noted = compared
    assert not noted.keys() & {"numpy", "pandas", "matplotlib", "torch", "pyarrow", "optuna"}


def test_page_is_what_is_written_from_the_results() -> None:
    rows = [Row(**each) for each in json.loads(RESULTS.read_text())]
    assert len(rows) > 60
    assert all(row.is_right for row in rows)
    assert page(PAGE.read_text(), rows) == PAGE.read_text(), "python -m benchmarks.warmth --write"


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        ((1, 1, 1, 1), False),
        ((1, 1, 1, 2), True),
        ((1, 2, 3, 4), False),  # drawn by each
        ((1, 2, 3, 3), True),  # drawn by the parent
        (([1, 2], [2, 1], [1, 2], [1, 2]), False),  # a set's order
    ],
)
def test_differences_are_told(values: tuple[Any, ...], is_told: bool) -> None:
    found = [{"modules": [], "values": {}, "draws": {"random": each}} for each in values]
    assert bool(differences(found)) == is_told
