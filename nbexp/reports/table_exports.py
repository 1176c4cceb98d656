"""The variants of a run as a table for other programs: CSV, LaTeX or Parquet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nbexp.errors import UsageError, did_you_mean
from nbexp.files import canonical_json, fit_text, shown_json, value_text
from nbexp.runs.results import RunResult, VariantResult

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "latex", "parquet")
_LONGEST = 200  # characters of a list or table in a cell


def variant_table(result: RunResult, stage: str | None, kind: str) -> pd.DataFrame:
    """Return the variants of a run as a table, a row each, as one of `FORMATS` can hold it.

    Args:
        result: The run.
        stage: The stage whose variants are wanted, or None for all.
        kind: The format.

    Raises:
        UsageError: There is no such stage.
    """
    frame = _frame(result, stage, has_texts=kind != "parquet")
    variants = result.variants if stage is None else result.stage(stage)
    return _printed(frame, variants) if kind == "latex" else _plain(frame)


def table_text(frame: pd.DataFrame, kind: str) -> str:
    """Return a table of `variant_table` as CSV or LaTeX."""
    if kind == "csv":
        return frame.to_csv(index=False)
    shown = frame.style.hide(axis="index").format(_short, escape="latex", na_rep="")
    shown = shown.format_index(escape="latex", axis="columns")
    return str(shown.to_latex(hrules=True))


def _frame(result: RunResult, stage: str | None, *, has_texts: bool) -> pd.DataFrame:
    """Return the table; `has_texts` tells values that are NaN from those that are missing."""
    stages = result.history.stages
    if stage is not None and stage not in stages:
        raise UsageError(
            f"The run {result.id} has no stage {stage!r}; it has {', '.join(stages)}. "
            f"{did_you_mean(stage, stages)}".strip()
        )
    frame = result.dataframe(stage)
    if has_texts:
        _tell_apart(frame, result.variants if stage is None else result.stage(stage))
    return frame if stage is None else frame.dropna(axis="columns", how="all")


def _tell_apart(frame: pd.DataFrame, variants: Sequence[VariantResult]) -> None:
    """Have values of several types in a column as they are: 1, 1.0, "1"; and NaN as a text."""
    columns: dict[str, dict[int, Any]] = {}
    for row, variant in enumerate(variants):
        for kind, table in (("params", variant.params), ("scraps", variant.scraps)):
            for key, value in table.items():
                columns.setdefault(fit_text(f"{kind}.{key}"), {})[row] = value
    for name, values in columns.items():
        has_nan = any(isinstance(v, float) and math.isnan(v) for v in values.values())
        types = {type(value) for value in values.values() if value is not None}
        if has_nan or (len(types) > 1 and types & {int, float}):
            whole = [_exact(values.get(row), len(types) > 1) for row in range(len(variants))]
            frame[name] = frame[name].astype(object)
            for row, value in enumerate(whole):
                frame.at[row, name] = value


def _exact(value: Any, is_mixed: bool) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return shown_json(value) if is_mixed and isinstance(value, str) else value


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with values that are no numbers as texts."""
    for name in frame.columns:
        if any(isinstance(value, list | dict | str) for value in frame[name]):
            frame[name] = frame[name].map(_text, na_action="ignore")
    return frame


def _printed(frame: pd.DataFrame, variants: Sequence[VariantResult]) -> pd.DataFrame:
    """Return what a page has room for: no parameter in which the variants don't differ."""
    if len(variants) < 2:
        return frame
    names = {name for variant in variants for name in variant.content}
    same = {fit_text(f"params.{name}") for name in names if _is_same(name, variants)}
    return frame.drop(columns=[column for column in frame.columns if column in same])


def _is_same(name: str, variants: Sequence[VariantResult]) -> bool:
    """Whether all variants have a parameter, and it holds the same for all of them."""
    has_all = all(name in variant.content for variant in variants)
    return has_all and len({canonical_json(variant.content[name]) for variant in variants}) == 1


def _text(value: Any) -> str:
    text = value_text(value)
    is_long = isinstance(value, list | dict) and len(text) > _LONGEST
    return f"{text[:_LONGEST]}… ({len(text)} characters)" if is_long else text


def _short(value: Any) -> str:
    from nbexp.reports.tables import text_of

    is_long = isinstance(value, float | str | list | dict)
    return text_of(value) if is_long else str(value)
