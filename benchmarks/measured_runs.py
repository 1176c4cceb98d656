"""Runs that benchmarks compare: a pipeline altered, run on its own, and what came of it."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbexp

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Case:
    """One run to be measured.

    Attributes:
        label: What is compared, such as ``asha``.
        seed: Seed of draws, splits and training.
        text: The pipeline file, with its settings as they are to be.
        test: The number that the stage ``evaluate`` glues.
    """

    label: str
    seed: int
    text: str
    test: str


@dataclass(frozen=True)
class Measured:
    """What came of a run.

    Attributes:
        best: The metric of the variant that was kept.
        test: What the stage ``evaluate`` found of it on the test set.
        steps: Epochs that were trained, over all variants.
        wall_s: Seconds of the whole run, with the start of Ray.
        curves: For each variant, its steps and values of the metric.
    """

    best: float
    test: float
    steps: int
    wall_s: float
    curves: dict[str, list[list[float]]]


def pipeline_text(path: Path, *, seed: int, scheduler: str | None) -> str:
    """Return a pipeline file with other seeds and another scheduler; None for none."""
    text = path.read_text(encoding="utf-8").replace("../../templates/", "templates/")
    text = re.sub(r"(?m)^seed = \d+", f"seed = {seed}", text)
    line = f"scheduler = {scheduler}" if scheduler else ""
    return re.sub(r"(?m)^scheduler = .*$", line, text)


def measure(case: Case, folder: Path, *, sets: Iterable[str] = ()) -> Measured:
    """Run a case in a folder of its own, or return what it gave when it ran before.

    Args:
        case: The run.
        folder: Where results are kept.
        sets: Values to lay over the pipeline.
    """
    kept = folder / f"{case.label.replace(', ', '_')}-{case.seed}.json"
    if not kept.is_file():
        with tempfile.TemporaryDirectory() as name:
            measured = _run(case, Path(name), sets)
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(asdict(measured)), encoding="utf-8")
    return Measured(**json.loads(kept.read_text(encoding="utf-8")))


def _run(case: Case, folder: Path, sets: Iterable[str]) -> Measured:
    # The templates come along, since where they lie is part of what a scheduler's draws hang on.
    shutil.copytree(REPOSITORY / "templates", folder / "templates")
    file = folder / "pipeline.toml"
    file.write_text(case.text, encoding="utf-8")
    pipeline = nbexp.Pipeline.from_toml(file, sets=sets)
    began = time.monotonic()
    result = pipeline.run()
    wall_s = time.monotonic() - began
    if result.state is not nbexp.State.FINISHED:
        raise SystemExit(f"{case.label}, seed {case.seed}: the run ended as {result.state}")
    [kept] = [variant for variant in result.stage("train") if variant.is_kept]
    [evaluated] = result.stage("evaluate")
    records = [{"variant": v.name, "notebook": str(v.notebook)} for v in result.stage("train")]
    table = nbexp.curves(records)
    logged = table[table["name"] == pipeline.spec.stages["train"].metric]
    lines = {
        str(name): line[["step", "value"]].to_numpy().tolist()
        for name, line in logged.groupby("variant", sort=False)
    }
    assert kept.metric is not None
    steps = sum(_lines_of(Path(record["notebook"]).parent) for record in records)
    return Measured(kept.metric, float(evaluated.scraps[case.test]), steps, wall_s, lines)


def _lines_of(folder: Path) -> int:
    """Return how many epochs a variant trained, those also that it trained again."""
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    return sum("values" in json.loads(line) for line in text.splitlines())


def spread(values: Sequence[float], digits: int = 4) -> str:
    """Return mean and standard deviation as a text."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.{digits}f} ± {deviation:.{digits}f}"


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table in Markdown."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
