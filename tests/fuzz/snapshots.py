"""Damaged snapshots: a loop goes on to the right end, or says why it can't."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from pathlib import Path
from random import Random
from typing import Any

import nbexp
from fuzz._base import Case, Kind, expect
from fuzz.physical import damage_files
from nbexp.checkpoints import writer
from nbexp.checkpoints.snapshots import read
from nbexp.errors import CheckpointError
from nbexp.lines import read_lines
from nbexp.notebook import session
from nbexp.run.progress import newest_snapshot, snapshot_after
from nbexp.runs.variant_folder import VariantFolder

_VARIANT = "train-3f9a2c"
_DIES_AT = 9
_KNOWN = ("number", "moment", "places", "variant", "is_alone", "step")


class _DiedError(Exception):
    """Stands for the death of a kernel."""


class Snapshots(Kind):
    """A training that died, whose snapshots were damaged before it goes on."""

    suite_cases = 40

    def __init__(self, material: Path) -> None:
        super().__init__(material)
        writer._SHARE = writer._MOST = 1e9  # at every iteration
        whole = material.parent / "whole"
        whole.mkdir()
        self._expected = _live(whole)
        with contextlib.suppress(_DiedError):
            _live(material, dies_at=_DIES_AT)
        self._known = [_facts(read(path)) for path in (material / "snapshots").iterdir()]

    def make(self, rng: Random, folder: Path) -> Case:
        shutil.copytree(self.material, folder, dirs_exist_ok=True)
        told = damage_files(folder / "snapshots", rng)
        if rng.random() < 0.2:
            told += f", and {_exchange(folder / 'snapshots', rng)}"
        return Case(f"snapshots: {told}", lambda: self._check(folder))

    def _check(self, folder: Path) -> None:
        for found in (
            newest_snapshot(VariantFolder(folder)),
            *(snapshot_after(VariantFolder(folder), n) for n in range(-1, 9)),
        ):
            known = found is None or _facts(found) in self._known
            expect(known, f"a reader found {found}, which was never taken")
        try:
            result = _live(folder)
        except CheckpointError:
            return
        expect(result == self._expected, f"it ended with {result}, not with {self._expected}")


def _facts(snapshot: Any) -> Any:
    return snapshot and [getattr(snapshot, name) for name in _KNOWN]


def _exchange(folder: Path, rng: Random) -> str:
    """Exchange the names of two snapshots' folders."""
    names = sorted(path.name for path in folder.iterdir())
    if len(names) < 2:
        return "nothing more"
    one, two = rng.sample(names, 2)
    (folder / one).rename(folder / ".aside")
    (folder / two).rename(folder / one)
    (folder / ".aside").rename(folder / two)
    return f"{one} and {two} exchanged"


def _flush() -> None:
    checkpointer = session.current().checkpointer
    if checkpointer is not None:
        checkpointer.flush()


def _live(folder: Path, dies_at: int = -1) -> Any:
    """Live as a notebook does: two loops, the inner one with what it draws."""
    os.environ |= {"NBEXP_FOLDER": str(folder), "NBEXP_VARIANT": _VARIANT}
    session.reset()
    try:
        return _trained(dies_at)
    finally:
        _flush()
        for name in ("NBEXP_FOLDER", "NBEXP_VARIANT"):
            os.environ.pop(name)


def _trained(dies_at: int) -> Any:
    import numpy as np

    random.seed(3)
    weights, seen = np.zeros(20), list[Any]()
    state = nbexp.checkpoint(weights=weights, seen=seen, best=9.0)
    ticks = 0
    for epoch in nbexp.loop("epoch", 4):
        drawn = nbexp.checkpoint(drawn=[epoch]).drawn
        for batch in nbexp.loop("batch", 3):
            checkpointer = session.current().checkpointer
            if checkpointer is not None:
                checkpointer.flush()
            ticks += 1
            if ticks == dies_at:
                raise _DiedError
            weights += random.random()
            state.best = min(state.best, float(weights.sum()) + random.random())
            drawn.append(random.random())
            seen.append([epoch, batch, *drawn])
        nbexp.log("loss", state.best)
    logged = session.current().folder / "metrics.jsonl"  # type: ignore[operator]
    points = [(line["step"], line["values"]["loss"]) for line in read_lines(logged)]
    return weights.tolist(), seen, state.best, session.current().step, dict(points)
