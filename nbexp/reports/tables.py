"""The table of a stage's variants, and the curves of what they logged: the data of its page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any, TypeGuard

from nbexp.files import shown, to_json, value_text
from nbexp.metrics import Entry
from nbexp.reports.data import flat_content
from nbexp.runs.results import StageResult, flat
from nbexp.states import State
from nbexp.wording import counted, number_text

_MAX_TEXT = 200  # characters
_MAX_VALUE = 300  # characters, where there is more room
_MAX_POINTS = 20_000  # of all curves of one name
_SCRAPS_SHOWN = 8
_MAX_CLASSES = 100
_MATRICES = 50  # variants, the best ones
_ARTIFACTS = "artifacts"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        key: Names it among all columns, and in filters.
        title: Its heading.
        role: ``fact``, ``param``, ``lineage``, ``scrap`` or ``logged``; of runs, also ``setting``
            and ``code``.
        kind: ``text``, ``number``, ``duration``, ``state`` or ``time``.
        varies: Whether the rows differ in it.
        shown: Whether it is shown at first.
        mode: Whether ``max`` or ``min`` is best, where it has a best value of its own.
    """

    key: str
    title: str
    role: str
    kind: str
    varies: bool
    shown: bool
    mode: str = ""


class Columns:
    """The columns of a table, with their values."""

    def __init__(self) -> None:
        self._columns: list[Column] = []
        self._values: list[list[Any]] = []

    def __len__(self) -> int:
        return len(self._columns)

    def add(  # noqa: PLR0913 - the parts of a column
        self,
        role: str,
        title: str,
        values: Iterable[Any],
        *,
        kind: str = "",
        shown: bool = True,
        mode: str = "",
        varies: bool | None = None,
    ) -> None:
        """Add a column; its kind, and whether it varies, are found by its values if not given."""
        cells = [_plain(value) for value in values]
        known = {each.key for each in self._columns}
        key = title if title not in known else f"{role}.{title}"
        kind = kind or _kind(cells)
        varies = _varies(cells) if varies is None else varies
        self._columns.append(Column(key, title, role, kind, varies, shown, mode))
        self._values.append(cells)

    def data(self) -> dict[str, Any]:
        """Return columns and rows, for JSON."""
        return {
            "columns": [asdict(column) for column in self._columns],
            "rows": [list(row) for row in zip(*self._values, strict=True)],
        }


def stage_table(stage: StageResult, logged: Sequence[list[Entry]]) -> dict[str, Any]:
    """Return the data of a stage's page, for JSON.

    Args:
        stage: The stage.
        logged: What each of its variants logged, in their order.
    """
    return {
        "stage": stage.name,
        "metric": stage.metric,
        "mode": stage.mode.value,
        **_columns(stage, logged).data(),
        "kept": [variant.history.is_kept for variant in stage.variants],
        "links": [f"../variants/{variant.name}.html" for variant in stage.variants],
        "labels": [variant.history.label for variant in stage.variants],
        "curves": curves(logged),
        "pruned": [variant.state is State.PRUNED for variant in stage.variants],
        "matrices": _matrices(stage),
    }


def varying_params(stage: StageResult) -> dict[str, list[Any]]:
    """Return the values of each parameter in which variants differ, a variant after another."""
    values = _by_name([flat(variant.params) for variant in stage.variants])
    varying = _varying(stage)
    return {name: column for name, column in values.items() if name in varying}


def _varying(stage: StageResult) -> set[str]:
    """Return the names of the parameters in which variants differ by what they hold."""
    contents = _by_name([dict(flat_content(variant)) for variant in stage.variants])
    return {name for name, column in contents.items() if _varies(column)}


def curves(logged: Sequence[list[Entry]]) -> dict[str, list[Any]]:
    """Return the curves of what was logged: by name, for each variant its steps and values.

    Long ones are thinned out evenly; their peaks stay, and their first and last points.
    """
    found: dict[str, list[Any]] = {}
    for row, entries in enumerate(logged):
        points: dict[str, dict[int, float]] = {}
        for entry in entries:
            for name, value in entry.values.items():
                points.setdefault(name, {})[entry.step] = value
        for name, values in points.items():
            lines = found.setdefault(name, [None] * len(logged))
            steps = sorted(values)
            lines[row] = [steps, [_plain(values[step]) for step in steps]]
    return {name: _thinned(lines) for name, lines in found.items() if _is_curve(lines)}


def _columns(stage: StageResult, logged: Sequence[list[Entry]]) -> Columns:
    variants, columns = stage.variants, Columns()
    add = columns.add
    histories = [variant.history for variant in variants]
    add("fact", "variant", (each.name for each in histories), kind="text")
    add("fact", "state", (each.state.value for each in histories), kind="state")
    if stage.metric:
        add("fact", stage.metric, (each.metric for each in histories), kind="number")
    varying = _varying(stage)
    for name, column in _by_name([flat(v.params) for v in variants]).items():
        is_varying = name in varying
        values = map(short_reference, column)
        add("param", name, values, shown=is_varying, varies=is_varying)
    for name, column in _by_name([dict(each.lineage) for each in histories]).items():
        add("lineage", name, column, kind="text", shown=_varies(column))
    scraps = _by_name([dict(variant.scraps) for variant in variants])
    for name, column in scraps.items():
        if name != stage.metric:
            is_number = _kind([_plain(value) for value in column]) == "number"
            shown = is_number and len(columns) < _SCRAPS_SHOWN + len(histories[0].label.split())
            add("scrap", name, column, shown=shown)
    for name, column in _by_name([_last(entries) for entries in logged]).items():
        if name != stage.metric and name not in scraps:
            add("logged", name, column, kind="number", shown=False)
    add("fact", "took", (each.duration_s for each in histories), kind="duration")
    add("fact", "started", (each.started for each in histories), kind="time", shown=False)
    add("fact", "because", (v.reason or None for v in variants), kind="text", shown=False)
    return columns


def short_reference(value: Any) -> Any:
    """Return a value of a parameter; of an artifact its variant and name, of variants a count."""
    if isinstance(value, list):
        is_gathered = bool(value) and all(map(_is_record, value))
        return counted(len(value), "variant") if is_gathered else [*map(short_reference, value)]
    if isinstance(value, str) and f"/{_ARTIFACTS}/" in value:
        parts = PurePath(value).parts
        at = len(parts) - 1 - parts[::-1].index(_ARTIFACTS)
        return "/".join(parts[at - 1 : at] + parts[at + 1 :])
    return value


def text_of(value: Any) -> str:
    """Return a value of a parameter or a scrap as a text that is not too long."""
    value = short_reference(value)
    if isinstance(value, float):
        return number_text(value)
    text = value_text(value)
    if len(text) > _MAX_VALUE and _is_matrix(value):
        return f"{len(value)} by {len(value[0])} values"
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _is_record(value: Any) -> bool:
    """Whether a value is what a link to all variants of a stage gives of one."""
    return isinstance(value, dict) and {"variant", "params", "metrics"} <= value.keys()


def _by_name(tables: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each name that any table has, a table after another."""
    names = dict.fromkeys(name for table in tables for name in table)
    return {name: [table.get(name) for table in tables] for name in names}


def _last(entries: Iterable[Entry]) -> dict[str, float]:
    last: dict[str, tuple[int, float]] = {}
    for entry in entries:
        for name, value in entry.values.items():
            if name not in last or entry.step >= last[name][0]:
                last[name] = (entry.step, value)
    return {name: value for name, (_, value) in last.items()}


def _plain(value: Any) -> Any:
    """Return a value as the page can hold it."""
    value = shown(value)
    if value is None or isinstance(value, int | float):
        return value
    return value_text(value)[:_MAX_TEXT]


def _kind(cells: Sequence[Any]) -> str:
    known = [cell for cell in cells if cell is not None]
    is_number: Callable[[Any], bool] = lambda cell: (  # noqa: E731
        cell in ("nan", "inf", "-inf")
        or (isinstance(cell, int | float) and not isinstance(cell, bool))
    )
    return "number" if known and all(map(is_number, known)) else "text"


def _varies(cells: Sequence[Any]) -> bool:
    return len({to_json(cell) for cell in cells if cell is not None}) > 1


def _is_curve(lines: Sequence[Any]) -> bool:
    """Whether any variant logged a value more than once."""
    return any(line is not None and len(line[0]) > 1 for line in lines)


def _thinned(lines: list[Any]) -> list[Any]:
    total = sum(len(line[0]) for line in lines if line is not None)
    every = math.ceil(total / _MAX_POINTS)
    return lines if every <= 1 else [line and _telling(line[0], line[1], every) for line in lines]


def _telling(steps: list[int], values: list[Any], every: int) -> list[list[Any]]:
    """Return a curve's first and last point, and of each stretch the least and the largest."""
    kept = {0, len(steps) - 1}
    for start in range(0, len(steps), 2 * every):
        stretch = range(start, min(start + 2 * every, len(steps)))
        numbers = [at for at in stretch if isinstance(values[at], int | float)]
        if len(numbers) < len(stretch):  # a gap, or what is not finite
            kept.add(next(at for at in stretch if not isinstance(values[at], int | float)))
        if numbers:
            kept |= {min(numbers, key=values.__getitem__), max(numbers, key=values.__getitem__)}
    order = sorted(kept)
    return [[steps[at] for at in order], [values[at] for at in order]]


def _matrices(stage: StageResult) -> list[dict[str, Any]]:
    """Return the confusion matrices that the best variants have glued.

    A scrap is one if its name says so, and it is a square list of counts, or a table with such a
    ``matrix`` and maybe ``labels``.
    """
    found = []
    for row, variant in enumerate(stage.variants[:_MATRICES]):
        for name, scrap in variant.scraps.items():
            table = scrap if isinstance(scrap, dict) else {"matrix": scrap}
            counts = table.get("matrix")
            if "confusion" not in name.lower() or not _is_square(counts):
                continue
            labels = [str(label) for label in table.get("labels") or range(len(counts))]
            found.append({"row": row, "name": name, "labels": labels, "counts": counts})
    return found


def _is_matrix(value: Any) -> bool:
    """Whether a value is a list of lists of one length."""
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        return False
    return len({len(row) for row in value}) == 1


def _is_square(matrix: Any) -> TypeGuard[list[list[float]]]:
    """Whether a value is a square matrix of counts."""
    if not _is_matrix(matrix) or not 2 <= len(matrix) == len(matrix[0]) <= _MAX_CLASSES:
        return False
    counts = [count for row in matrix for count in row]
    return all(isinstance(c, int | float) and math.isfinite(c) and c >= 0 for c in counts)
