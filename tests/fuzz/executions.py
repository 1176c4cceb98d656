"""Notebooks of any content that are executed: an outcome, whatever is in them."""

from __future__ import annotations

from pathlib import Path
from random import Random

from fuzz._base import Case, Kind, expect
from fuzz.mutations import odd_value
from fuzz.notebooks import mutated_notebook
from nbexp.execute import Job, NotebookExecutor
from nbexp.files import to_json
from nbexp.runs.outcome import Outcome, read_outcome
from nbexp.states import State


class Executions(Kind):
    """A mutated notebook with odd parameters, in a real kernel; and then one that is whole."""

    suite_cases = 3
    cpu_s = 120.0  # nbformat writes 50 million lines in 10 s, several times

    def __init__(self, material: Path) -> None:
        super().__init__(material)
        self._executor = NotebookExecutor()

    def make(self, rng: Random, folder: Path) -> Case:
        template = folder / "odd.ipynb"
        content = mutated_notebook(rng, is_runnable=rng.random() < 0.8)
        template.write_bytes(content)
        variant = folder / "train-1"
        variant.mkdir()
        parameters = {"lr": _value(rng)} if rng.random() < 0.5 else {}
        job = Job("train-1", template, variant, parameters, kernel="python3", timeout_s=60.0)
        return Case(f"{content[:20_000]!r} with {parameters}", lambda: self._check(job))

    def _check(self, job: Job) -> None:
        outcome = self._executor.execute(job)
        known = outcome.state in (State.FINISHED, State.FAILED, State.TIMED_OUT)
        expect(known, f"it ended as {outcome.state}")
        expect(_same(read_outcome(job.folder), outcome), "its result can't be read again")

    def close(self) -> None:
        self._executor.close()


def _value(rng: Random) -> object:
    """Return a value as a plan gives it: what UTF-8 can hold, and not too deep."""
    while True:
        value = odd_value(rng)
        if isinstance(value, list | dict) and "[[[[[[[[" in repr(value):
            continue
        if "\\ud8" not in repr(value):
            return value


def _same(found: Outcome | None, outcome: Outcome) -> bool:
    return found is not None and to_json(found.to_record()) == to_json(outcome.to_record())
