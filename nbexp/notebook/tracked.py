"""What a notebook tells MLflow, as far as its variant keeps it too.

Numbers go into the file of what was logged, marked as known to MLflow. Beside it, a small file
says whether the notebook began runs, and which parameters it logged with other values than it was
given.
"""

from __future__ import annotations

import ast
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp.files import read_json, to_json, write_json
from nbexp.metrics import Entry, Tracked
from nbexp.runs.variant_folder import VariantFolder

_SYSTEM = "system/"  # MLflow's measurements of the machine
_SHOWN = 40


@dataclass(frozen=True)
class TrackedValue:
    """A number that MLflow was told; `time_s` since 1970."""

    name: str
    value: Any
    step: int
    time_s: float


class TrackedRuns:
    """The runs that a notebook logs into: those that it began itself, and its variant's own.

    Args:
        folder: The variant's folder.
        variant_run: MLflow's id of the variant's run; empty where it has none.
    """

    def __init__(self, folder: Path, variant_run: str) -> None:
        self._folder = folder
        self._variant_run = variant_run
        self._runs = {variant_run}
        self._steps = _Steps()
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)
        self._told: dict[str, Any] = _read(folder)
        self._given: dict[str, Any] | None = None

    def _renew_lock(self) -> None:
        """Make the lock anew: in a forked process another thread's hold on it never ends."""
        self._lock = threading.Lock()

    def beginning(self) -> None:
        """Note that the notebook begins a run, which is to be ended if its kernel is killed."""
        with self._lock:
            self._tell(runs=True)

    def began(self, run: str) -> None:
        """Take in a run that the notebook has begun."""
        with self._lock:
            self._runs.add(run)

    def logged(self, run: str, points: Iterable[TrackedValue]) -> None:
        """Keep numbers that were logged into a run, if it is one of these."""
        from nbexp.notebook import reporting

        if run not in self._runs:
            return
        where = Tracked.VARIANT if run == self._variant_run else Tracked.BELOW
        with self._lock:
            for point in points:
                number = _number(point.value)
                if number is None or point.name.startswith(_SYSTEM):
                    continue
                step = self._steps.place(run, point.name, reporting.step_in_loop(point.step))
                reporting.keep(Entry(point.time_s, step, {point.name: number}, {}, where))

    def params(self, run: str, params: Mapping[str, Any]) -> None:
        """Note which parameters have other values than those that the notebook was given."""
        if run not in self._runs or not params:
            return
        with self._lock:
            if self._given is None:
                self._given = dict(_flat(_params_of(self._folder)))
            known: Mapping[str, str] = self._told.get("params", {})
            others = {
                name: str(value)
                for name, value in params.items()
                if name in self._given and not _is_same(str(value), self._given[name])
            }
            if others.keys() - known.keys():
                self._tell(params={**others, **known})

    def _tell(self, **news: Any) -> None:
        if any(self._told.get(key) != value for key, value in news.items()):
            self._told |= news
            write_json(VariantFolder(self._folder).tracked, self._told)


class _Steps:
    """Gives each number of a name a step of its own, in the order in which they were logged.

    A step is MLflow's own as long as it is new. Several runs of a notebook begin at step 0 again,
    and so does each call that gives none: these are numbered on.
    """

    def __init__(self) -> None:
        self._taken: dict[str, set[int]] = {}
        self._last: dict[str, int] = {}
        self._shift: dict[tuple[str, str], int] = {}  # of a run and name

    def place(self, run: str, name: str, step: int) -> int:
        """Return the step of a number."""
        taken, following = self._taken.setdefault(name, set()), self._last.get(name, -1) + 1
        shift = self._shift.setdefault((run, name), max(0, following - step) if taken else 0)
        if step + shift in taken:
            shift = self._shift[run, name] = following - step
        taken.add(step + shift)
        self._last[name] = max(self._last.get(name, -1), step + shift)
        return step + shift


def began_runs(folder: Path) -> bool:
    """Whether the notebook of a variant began runs in MLflow."""
    return bool(_read(folder).get("runs"))


def other_params(folder: Path, given: Mapping[str, Any]) -> str:
    """Say which parameters a notebook logged with other values than it was given, or nothing."""
    known = dict(_flat(given))
    others = [
        f"{name} = {_short(text)} (it ran with {_short(known[name])})"
        for name, text in _read(folder).get("params", {}).items()
        if name in known
    ]
    return (
        f"it logged other parameters to MLflow than it has: {', '.join(others)}" if others else ""
    )


def _read(folder: Path) -> dict[str, Any]:
    try:
        return dict(read_json(VariantFolder(folder).tracked))
    except (OSError, ValueError):
        return {}


def _params_of(folder: Path) -> Mapping[str, Any]:
    try:
        return dict(read_json(VariantFolder(folder).record)["params"])
    except (OSError, ValueError, KeyError):
        return {}


def _flat(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield parameters as MLflow has them; tables are flattened, as in ``optimizer.lr``."""
    for name, value in params.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_same(text: str, value: Any) -> bool:
    """Whether what MLflow was told, maybe cut off, is a parameter's value."""
    if any(text == own or (len(text) >= 250 and own.startswith(text)) for own in _texts(value)):
        return True
    try:
        return bool(_plain(ast.literal_eval(text)) == value)
    except (TypeError, ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _plain(value: Any) -> Any:
    """Return a value as it is in JSON, where a tuple is a list."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def _texts(value: Any) -> tuple[str, str]:
    return str(value), to_json(value)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else to_json(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _number(value: Any) -> float | None:
    from nbexp.notebook import media

    try:
        number = media.number_of(value)
        return float(value) if number is None else number
    except (TypeError, ValueError):
        return None


def now_s(milliseconds: int | None) -> float:
    """Return MLflow's time of a number in seconds since 1970; now where it was given none."""
    return time.time() if milliseconds is None else milliseconds / 1000
