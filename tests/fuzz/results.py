"""Damaged results: what a variant came to, or nothing; never something else."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

from run_folders import KEY

from fuzz._base import Case, Kind, expect
from fuzz.damage import make_whole_run
from fuzz.physical import damage_files
from nbexp.run.writer import RunWriter
from nbexp.runs.outcome import read_outcome
from nbexp.runs.record import VariantRecord
from nbexp.runs.results import RunResult, VariantResult
from nbexp.states import State

_FACTS = ("params", "scraps", "logged", "metric", "lineage", "duration_s", "stage")
_UNKNOWN: tuple[Any, ...] = (None, {})


class Results(Kind):
    """What is read of a run that was damaged as disks damage it."""

    suite_cases = 60

    def __init__(self, material: Path) -> None:
        super().__init__(material)
        self._run = make_whole_run(material, "digits-0")
        self._outcome = read_outcome(self._run / "variants" / "train-1", KEY)
        self._record = VariantRecord.read(self._run / "variants" / "train-1")
        self._variants = {each.name: each for each in RunResult.read(self._run).variants}

    def make(self, rng: Random, folder: Path) -> Case:
        run = folder / "runs" / "digits-0"
        shutil.copytree(self._run, run)
        told = damage_files(run / rng.choice((".", ".", "variants/train-1")), rng)
        return Case(f"a run with {told}", lambda: self._check(run))

    def _check(self, run: Path) -> None:
        source = run / "variants" / "train-1"
        for found in (read_outcome(source, KEY), _adopted(run)):
            expect(found in (None, self._outcome), f"it is used again as {found}")
        record = VariantRecord.read(source)
        expect(record in (None, self._record), f"its record is read as {record}")
        if not (run / "driver.lock").is_file():
            return
        result = RunResult.read(run)
        for variant in result.variants:
            known = self._variants.get(variant.name)
            expect(known or result.history.damage, f"there never was {variant.name}")
            if known:
                _compare(variant, known, is_told=bool(result.history.damage))


def _adopted(run: Path) -> Any:
    target = RunWriter(run.parent / "digits-1")
    target.variants.mkdir(parents=True)
    adopted = target.adopt("train-1", run / "variants" / "train-1", KEY)
    return adopted and read_outcome(adopted, KEY)


def _compare(found: VariantResult, known: VariantResult, *, is_told: bool) -> None:
    """Check that what is found is known, or not known any more."""
    for name in _FACTS:
        value = getattr(found, name)
        expect(value in (*_UNKNOWN, getattr(known, name)), f"{name} of {found.name} is {value!r}")
    is_state = found.state in (known.state, State.STOPPED) or is_told
    expect(is_state, f"the state of {found.name} is {found.state}")
