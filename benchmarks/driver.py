"""What the driver of a run itself costs a variant: 10,000 variants whose notebooks only pretend.

Usage: python benchmarks/driver.py [--variants 10000] [--seconds 0] [--profile FILE]

All is real but two workers: the plan, the run's folder, events, MLflow on SQLite, TensorBoard and
the lines of progress. A worker leaves what a notebook leaves, and takes `--seconds`. Everything
happens in a temporary folder, in one process.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
import psutil

import nbexp
from nbexp.cli._screen import Screen
from nbexp.display import Lines, Tally
from nbexp.execute.job import Job
from nbexp.files import write_json
from nbexp.run import Parts, RunIndex, Runner, StatusFile
from nbexp.run.workers import Done, Slot
from nbexp.run.writer import RunWriter
from nbexp.runs.events import Event, EventKind, EventLog, Events
from nbexp.runs.history import RunHistory
from nbexp.runs.outcome import Outcome
from nbexp.states import State
from nbexp.tracking import MlflowTracker, TensorboardListener


class TwoWorkers:
    """A pool whose notebooks take so many seconds, and nothing of the processor."""

    are_processes = True

    def __init__(self, shape: Any, seconds: float) -> None:
        self.slots = [Slot(shape, None, is_up=True) for _ in range(2)]
        self.seconds = seconds
        self.ends = {id(slot): 0.0 for slot in self.slots}  # when each has ended, or will
        self.outcomes: dict[int, Outcome] = {}
        self.waits: list[float] = []

    def start(self) -> None:
        """Do nothing: they are there."""

    def scale(self, _waiting: object) -> None:
        """Do nothing: two are enough."""

    def kill(self) -> None:
        """Do nothing: they end with the process."""

    def idle(self) -> list[Slot]:
        """Return the workers that have nothing to do."""
        return [slot for slot in self.slots if slot.task is None]

    def run(self, slot: Slot, job: Job) -> None:
        """Leave what a notebook leaves."""
        now = time.time()
        self.waits.append(now - self.ends[id(slot)])
        scraps = {"square": job.parameters["n"] ** 2}
        outcome = Outcome(job.variant, job.key, State.FINISHED, now, now, scraps=scraps)
        (job.folder / "notebook.ipynb").write_bytes((job.source or job.template).read_bytes())
        (job.folder / "log.txt").touch()
        write_json(job.folder / "result.json", outcome.to_record(), durable=True)
        slot.task, self.outcomes[id(slot)] = job.variant, outcome
        self.ends[id(slot)] = now + self.seconds

    def wait(self, _timeout_s: float) -> list[Done]:
        """Return the notebooks that have ended, one at least."""
        busy = [slot for slot in self.slots if slot.task is not None]
        time.sleep(max(0.0, min(self.ends[id(slot)] for slot in busy) - time.time()))
        done = []
        for slot in busy:
            if self.ends[id(slot)] <= time.time():
                done.append(Done(str(slot.task), self.outcomes[id(slot)]))
                slot.task = None
        return done


class Meter:
    """Notes wall time, CPU time and memory at the end of each variant."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, float, float]] = []
        self.process = psutil.Process()

    def notify(self, event: Event) -> None:
        """Note the end of a variant."""
        if event.kind is EventKind.VARIANT_ENDED:
            self.mark()

    def mark(self) -> None:
        """Note how things are now."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        memory = self.process.memory_info().rss / 2**20
        self.marks.append((time.monotonic(), used.ru_utime + used.ru_stime, memory))


def pipeline(folder: Path, count: int) -> nbexp.Pipeline:
    """Return a pipeline of one stage of so many variants."""
    cells = ["n = 0", "import nbexp\nnbexp.glue('square', n * n)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, folder / "square.ipynb")
    params = {"n": nbexp.grid(range(count))}
    stage = nbexp.Stage("square", "square.ipynb", params=params, metric="square")
    return nbexp.Pipeline("squares", [stage], folder=folder)


def drive(spec: Any, pool: TwoWorkers, meter: Meter) -> None:
    """Run a pipeline as `nbexp run` does, but for the workers."""
    tracker, folder = MlflowTracker(spec), RunWriter.create(spec)
    index = RunIndex(folder.path.parent)
    history, log, tally = RunHistory(), EventLog(folder), Tally()
    status, progress = StatusFile(folder, history), Lines(Screen().line, tally)
    boards = TensorboardListener(folder.path)
    events = Events([log, history, status, boards, tally, progress, meter])
    runner = Runner(spec, Parts(folder, tracker, pool, events, index, status.catch_up))  # type: ignore[arg-type]
    tracker.open_run(folder.path)
    with progress:
        runner.run()
    status.write(is_complete=log.is_whole and not tracker.failures)
    meter.mark()
    folder.unlock()


def main() -> None:
    """Measure, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--profile", help="file for the main thread's profile, for pstats")
    options = parser.parse_args()
    count, meter, profile = options.variants, Meter(), cProfile.Profile()
    with tempfile.TemporaryDirectory() as name, Path(os.devnull).open("w") as null:
        meter.mark()
        spec = pipeline(Path(name), count).spec
        pool = TwoWorkers(spec.stages["square"].resources, options.seconds)
        with (
            contextlib.redirect_stdout(null),
            profile if options.profile else contextlib.nullcontext(),
        ):
            drive(spec, pool, meter)
    if options.profile:
        profile.dump_stats(options.profile)
    marks, tenth = meter.marks, max(1, count // 10)
    parts = {"first tenth": (1, tenth), "last tenth": (count - tenth, count), "all": (1, count + 1)}
    for title, (first, last) in parts.items():
        wall, cpu, _ = (b - a for a, b in zip(marks[first], marks[last], strict=True))
        per = 1000 / (last - first)
        print(f"{title:12}{wall * per:7.1f} ms, {cpu * per:5.1f} ms of CPU a variant")
    print(f"memory      {marks[tenth][2]:7.0f} MiB after a tenth, {marks[-1][2]:.0f} at the end")
    print(f"a worker waits {1000 * statistics.median(pool.waits[2:]):.1f} ms for its next notebook")


if __name__ == "__main__":
    main()
