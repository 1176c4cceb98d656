from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pipelines import pipeline_of, write_template

from nbexp.pipeline import Secret
from nbexp.plan.options import Option, expand_options, expand_points


def options_of(folder: Path, seed: int = 0, **stage: Any) -> list[Option]:
    return expand_options(pipeline_of(folder, {"train": stage}).stages["train"], seed)


def params_of(folder: Path, **stage: Any) -> list[dict[str, Any]]:
    return [dict(option.params) for option in options_of(folder, **stage)]


def test_last_parameter_varies_fastest(tmp_path: Path) -> None:
    params = {"x": {"grid": [1, 2]}, "y": 0, "z": {"grid": ["a", "b"]}}
    assert params_of(tmp_path, params=params) == [
        {"x": 1, "y": 0, "z": "a"},
        {"x": 1, "y": 0, "z": "b"},
        {"x": 2, "y": 0, "z": "a"},
        {"x": 2, "y": 0, "z": "b"},
    ]


def test_grid_times_samples_times_cases_times_templates(tmp_path: Path) -> None:
    write_template(tmp_path, "other.ipynb")
    write_template(tmp_path, "any.ipynb")
    options = options_of(
        tmp_path,
        notebook={"grid": ["any.ipynb", "other.ipynb"]},
        params={"x": {"grid": [1, 2, 3]}, "lr": {"uniform": [0, 1]}},
        variants=[{"y": 1}, {"y": 2, "x": 7}],
        search={"samples": 2},
    )
    assert len(options) == 2 * 2 * (3 + 1)
    assert len({option.params["lr"] for option in options}) == len(options)
    assert {option.choices["notebook"] for option in options} == {"any", "other"}


def test_spaces_stand_in_lists_and_tables(tmp_path: Path) -> None:
    params = {
        "options": {"name": "adam", "lr": {"grid": [0.1, 0.2]}},
        "hidden": [8, {"grid": [16, 32]}, {"choice": [5]}],
    }
    write_template(tmp_path, "any.ipynb")
    options = options_of(tmp_path, params=params)
    assert [o.params["options"]["lr"] for o in options] == [0.1, 0.1, 0.2, 0.2]
    assert [o.params["hidden"] for o in options] == [[8, 16, 5], [8, 32, 5]] * 2
    assert dict(options[0].choices) == {"options.lr": 0.1, "hidden[1]": 16, "hidden[2]": 5}


def test_grid_of_distributions_and_choice_of_distributions(tmp_path: Path) -> None:
    grid = {"x": {"grid": [{"uniform": [0, 1]}, {"uniform": [10, 11]}]}}
    first, second = params_of(tmp_path, params=grid)
    assert 0 <= first["x"] <= 1
    assert 10 <= second["x"] <= 11
    choice = {"x": {"choice": [{"uniform": [0, 1]}, {"uniform": [10, 11]}]}}
    drawn = [p["x"] for p in params_of(tmp_path, params=choice, search={"samples": 400})]
    low = [x for x in drawn if x <= 1]
    assert 120 < len(low) < 280
    # What the choice fell on tells nothing of the draw inside.
    assert 0.4 < sum(low) / len(low) < 0.6


def test_secret_that_was_chosen_stays_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBEXP_TEST_TOKEN", "x")
    ((option),) = options_of(tmp_path, params={"x": {"choice": [{"secret": "NBEXP_TEST_TOKEN"}]}})
    assert option.params["x"] == Secret("NBEXP_TEST_TOKEN")
    assert option.secrets == ("NBEXP_TEST_TOKEN",)
    assert "NBEXP_TEST_TOKEN" in os.environ


DRAWN = {"lr": {"loguniform": [1e-4, 1e-1]}, "hidden": {"grid": [8, 16]}}


@pytest.mark.parametrize(
    ("change", "search"),
    [
        ({"hidden": {"grid": [4, 8, 16, 32]}}, 3),
        ({"x": {"uniform": [0, 1]}}, 3),
        ({"y": 3}, 3),
        ({}, 5),
    ],
    ids=["a grid value more", "a distribution more", "a value more", "more samples"],
)
def test_change_alters_no_other_draw(tmp_path: Path, change: dict[str, Any], search: int) -> None:
    before = params_of(tmp_path, params=DRAWN, search={"samples": 3})
    after = params_of(tmp_path, params=DRAWN | change, search={"samples": search})
    assert {(p["hidden"], p["lr"]) for p in before} <= {(p["hidden"], p["lr"]) for p in after}


def test_seed_and_stage_make_other_draws(tmp_path: Path) -> None:
    lr = [o.params["lr"] for o in options_of(tmp_path, params=DRAWN)]
    assert lr == [o.params["lr"] for o in options_of(tmp_path, params=DRAWN)]
    assert lr != [o.params["lr"] for o in options_of(tmp_path, seed=1, params=DRAWN)]
    spec = pipeline_of(tmp_path, {"train": {"params": DRAWN}, "other": {"params": DRAWN}})
    assert lr != [o.params["lr"] for o in expand_options(spec.stages["other"], 0)]


def test_values_laid_over_a_table_leave_the_rest_of_it(tmp_path: Path) -> None:
    table = {"options": {"name": "adam", "lr": {"uniform": [0, 1]}}}
    stage = pipeline_of(tmp_path, {"train": {"params": table}}).stages["train"]
    (point,) = expand_points(stage, 0, {"options": {"lr": 0.5}})
    assert point.params["options"] == {"name": "adam", "lr": 0.5}
    assert point.choices == {"options.lr": 0.5}
    assert not point.space
