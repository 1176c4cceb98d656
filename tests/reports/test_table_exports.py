"""Tables of variants for other programs, without a command line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from run_folders import make_run, start_variant

from nbexp.errors import UsageError
from nbexp.reports.table_exports import FORMATS, table_text, variant_table
from nbexp.runs.record import VariantRecord
from nbexp.runs.results import RunResult


@pytest.fixture
def result(tmp_path: Path) -> RunResult:
    run = make_run(tmp_path)
    values: list[Any] = [1, 1.0, "1", float("nan")]
    for number, value in enumerate(values):
        folder = start_variant(run, f"train-{number}")
        params = {"x": value, "same": 0}
        parts = {"params": params}
        VariantRecord(folder.name, "train", "", params, {}, "k", parts, "t").write(folder)
    return RunResult.read(run.path)


def test_csv_tells_values_of_different_types_apart(result: RunResult):
    text = table_text(variant_table(result, "train", "csv"), "csv")
    assert [row["params.x"] for row in csv.DictReader(io.StringIO(text))] == [
        "1", "1.0", '"1"', "nan"
    ]  # fmt: skip


def test_latex_leaves_out_what_is_the_same_for_all(result: RunResult):
    frame = variant_table(result, "train", "latex")
    assert "params.x" in frame.columns
    assert "params.same" not in frame.columns
    assert r"\toprule" in table_text(frame, "latex")


def test_parquet_can_hold_its_table(result: RunResult):
    whole = variant_table(result, None, "parquet").to_parquet(index=False)
    assert list(pd.read_parquet(io.BytesIO(whole))["variant"]) == [f"train-{n}" for n in range(4)]


@pytest.mark.parametrize("kind", FORMATS)
def test_an_unknown_stage_is_told(result: RunResult, kind: str):
    with pytest.raises(UsageError, match=r"has no stage 'trian'; it has train\. Did you mean"):
        variant_table(result, "trian", kind)
