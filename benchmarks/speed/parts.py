"""The parts of the benchmark, each of which can run alone; each returns what is kept of it."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.speed import memory, rendering, tools
from benchmarks.speed.projects import CELLS, NAME, cores, only_run, write_sweep, write_trivial
from benchmarks.speed.record import REPOSITORY
from benchmarks.speed.timing import environment, timed

FLOORS = ("process", "kernel", "save", "mlflow", "ray")


@dataclass(frozen=True)
class Counts:
    """How much is measured.

    Attributes:
        rounds: How often each tool takes its turn in a sweep.
        sweep: Variants of a sweep, by nbexp and by papermill as many at a time as there are cores.
        single: Notebooks by papermill, one after another.
        ploomber: Notebooks by Ploomber.
        marginal: Variants of the run whose marginal cost is taken, from its first tenth on.
        beside: Notebooks by papermill before and after that run.
        starts: How often a cold start is measured.
        scale: Variants of the largest run.
        report: Variants of the largest run that is reported.
    """

    rounds: int = 2
    sweep: int = 64
    single: int = 8
    ploomber: int = 16
    marginal: int = 1000
    beside: int = 16
    starts: int = 5
    scale: int = 10_000
    report: int = 2_000


def sweep(folder: Path, counts: Counts) -> dict[str, Any]:
    """Measure a sweep of one notebook with each tool, turn about."""
    plan = {
        tools.NBEXP: counts.sweep,
        tools.PAPERMILL: counts.sweep,
        tools.PAPERMILL_POOL: counts.sweep,
        tools.PAPERMILL_SINGLE: counts.single,
        tools.PLOOMBER: counts.ploomber,
    }
    for tool in plan:  # files come into the system's cache
        tools.sweep(tool, folder / f"first-{tool.name}", cores())
    rounds = []
    for number in range(counts.rounds):
        took: dict[str, Any] = {}
        for tool, count in plan.items():
            place = folder / f"{number}-{tool.name}"
            took[tool.name] = asdict(tools.sweep(tool, place, count, keep=True))
            if tool is tools.PLOOMBER:  # again, with nothing left to do: what it takes to start
                took["ploomber_idle"] = asdict(timed(tool.command(count), place))
            shutil.rmtree(place)
            _tell(tool.name, count, took[tool.name])
        rounds.append(took)
    return {"counts": {tool.name: count for tool, count in plan.items()}, "rounds": rounds}


def marginal(folder: Path, counts: Counts) -> dict[str, Any]:
    """Measure what one variant more costs in a large run, beside papermill before and after."""
    papermill = [_beside(folder / "before", counts.beside)]
    place = folder / "run"
    took = tools.sweep(tools.NBEXP, place, counts.marginal, keep=True)
    _tell("nbexp", counts.marginal, asdict(took))
    papermill.append(_beside(folder / "after", counts.beside))
    run = only_run(place)
    ends, skip = ends_of(run), counts.marginal // 10
    return {
        "count": counts.marginal,
        "skip": skip,
        "beside": counts.beside,
        "run": asdict(took),
        "papermill": papermill,
        "marginal_s": (ends[-1] - ends[skip - 1]) / (counts.marginal - skip),
        "ends_s": [round(end - ends[0], 2) for end in ends[9::10]],  # each tenth, to be drawn
        **_timings(run),
    }


def _beside(folder: Path, count: int) -> dict[str, Any]:
    ways = (tools.PAPERMILL, tools.PAPERMILL_POOL)
    took = {way.name: asdict(tools.sweep(way, folder / way.name, count)) for way in ways}
    for name, each in took.items():
        _tell(name, count, each)
    return took


def ends_of(run: Path) -> list[float]:
    """Return when each variant of a run finished, in order."""
    with (run / "events.jsonl").open() as lines:
        events = (json.loads(line) for line in lines if '"variant_ended"' in line)
        return [event["time"] for event in events if event["state"] == "finished"]


def _timings(run: Path) -> dict[str, Any]:
    """Return the medians of what variants say of their parts, and of their whole time."""
    found: dict[str, list[float]] = defaultdict(list)
    wholes = []
    for file in run.glob("variants/*/result.json"):
        result = json.loads(file.read_text())
        wholes.append(result["ended"] - result["started"])
        for part, seconds in result.get("timings", {}).items():
            found[part].append(seconds)
    medians = {part: statistics.median(times) for part, times in found.items()}
    return {"variant_s": statistics.median(wholes), "timings": medians}


def floors(folder: Path, _: Counts) -> dict[str, Any]:
    """Measure what each part of a variant could cost at the least, each in its own process."""
    write_sweep(folder / "project", 1)
    found: dict[str, Any] = {}
    for name in FLOORS:
        command = [sys.executable, "-m", "benchmarks.speed.floors", name, str(folder / "project")]
        done = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=environment(folder),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        found |= json.loads(done.stdout.splitlines()[-1])
    for name, seconds in found.items():
        print(f"  {name}: {seconds * 1000:.2f} ms", flush=True)
    return found | {"cells": CELLS}


def start(folder: Path, counts: Counts) -> dict[str, Any]:
    """Measure one trivial notebook from the prompt and back, by nbexp and papermill in turn."""
    papermill = [*tools.PAPERMILL_COMMAND, f"{NAME}.ipynb", "out/0.ipynb", "-p", "n", "0"]
    nbexp = tools.NBEXP_COMMAND
    commands = {
        "papermill": papermill,
        "run": tools.NBEXP_RUN,
        "cached": tools.NBEXP_RUN,
        "fresh": [*tools.NBEXP_RUN, "--fresh"],
        "plan": [*nbexp, "plan", "pipeline.toml"],
        "help": [*nbexp, "--help"],
        "import": [sys.executable, "-c", "import nbexp"],
        "python": [sys.executable, "-c", ""],
    }
    rounds = []
    for number in range(counts.starts + 1):
        place = folder / str(number)
        write_trivial(place, 1)
        took = {name: asdict(timed(command, place)) for name, command in commands.items()}
        shutil.rmtree(place)
        if number:  # the first time, files come into the system's cache
            rounds.append(took)
            print("  " + ", ".join(f"{name} {t['wall_s']:.2f} s" for name, t in took.items()))
    return {"rounds": rounds}


def scale(folder: Path, counts: Counts) -> dict[str, Any]:
    """Measure time and memory over a run of very many trivial variants."""
    place = folder / "run"
    write_trivial(place, counts.scale)
    plan = timed([*tools.NBEXP_COMMAND, "plan", "pipeline.toml"], place)
    samples = memory.watched(tools.NBEXP_RUN, place)
    ends = ends_of(only_run(place))
    if len(ends) != counts.scale:
        raise SystemExit(f"{counts.scale} variants were to finish; {len(ends)} did")
    marks = [ends[0], *ends[counts.scale // 10 - 1 :: counts.scale // 10]]
    cached = timed(tools.NBEXP_RUN, place)
    return {
        "count": counts.scale,
        "plan": asdict(plan),
        "cached": asdict(cached),
        "tenths_s": [after - before for before, after in pairwise(marks)],
        "samples": samples,
    }


def report(folder: Path, counts: Counts) -> dict[str, Any]:
    """Measure reports of runs of three sizes, beside nbconvert's pages of the same notebooks."""
    rendering.measure(folder / "first", 5)  # files come into the system's cache
    sizes = []
    for count in (10, counts.report // 10, counts.report):
        sizes.append(rendering.measure(folder / str(count), count))
        shutil.rmtree(folder / str(count))
        for name in ("nbexp", "nbconvert"):
            _tell(name, count, sizes[-1][name])
    return {"sizes": sizes}


def _tell(name: str, count: int, took: Mapping[str, float]) -> None:
    wall_s = took["wall_s"]
    print(f"  {name}: {count} notebooks, {wall_s:.1f} s, {wall_s / count:.2f} s each", flush=True)


PARTS = {
    "sweep": sweep,
    "marginal": marginal,
    "floors": floors,
    "start": start,
    "scale": scale,
    "report": report,
}
