"""What does it cost to follow a run of many variants?

    python -m benchmarks.following [--variants 10000] [--looks 100]

Writes the events of a run, as its driver does, in as many steps as there are looks, and looks at
it after each: by what is new (`HistoryReader`), and by reading all of it again. Prints the
processor time of both, of a look at the beginning and at the end, and their ratio.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nbexp.files import append_line
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import HistoryReader, RunHistory, read_history


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=10_000)
    parser.add_argument("--looks", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = RunFolder(Path(name) / "runs" / "many")
        run.variants.mkdir(parents=True)
        run.lock.touch()
        reader = HistoryReader(run)
        ways: dict[str, Callable[[], RunHistory]] = {
            "what is new": reader.read,
            "all of it again": lambda: read_history(run),
        }
        took: dict[str, list[float]] = {way: [] for way in ways}
        for batch in batches(arguments.variants, arguments.looks):
            for event in batch:
                append_line(run.events, {"time": time.time(), **event})
            for way, look in ways.items():
                began = time.process_time()
                look()
                took[way].append(time.process_time() - began)
    print(f"{'a look reads':16} {'first s':>8} {'last s':>8} {'all s':>8}")
    for way, seconds in took.items():
        print(f"{way:16} {seconds[0]:8.4f} {seconds[-1]:8.4f} {sum(seconds):8.2f}")
    fresh, again = (sum(seconds) for seconds in took.values())
    print(f"ratio {fresh / again:.3f}")


def batches(variants: int, looks: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the events of a run in as many parts as there are looks: five of each variant."""
    size = -(-variants // looks)
    metrics = {"train": ["loss", "min", "last"]}
    began = [{"event": "run_started", "run": "many", "pipeline": "many", "stages": ["train"],
              "metrics": metrics}]  # fmt: skip
    for start in range(0, variants, size):
        yield began + [each for n in range(start, min(start + size, variants)) for each in life(n)]
        began = []


def life(number: int) -> Iterator[dict[str, Any]]:
    """Yield the events of a variant."""
    own = {"variant": f"train-{number:08x}", "stage": "train"}
    yield {"event": "variant_added", **own, "label": f"lr={number}", "lineage": {}}
    yield {"event": "variant_started", **own, "attempt": 1, "params": {"lr": number}}
    for step in range(2):
        entry = {"time": 1.0, "step": step, "values": {"loss": 1 / (step + 1)}, "rich": {}}
        yield {"event": "metrics", **own, "entries": [entry]}
    yield {"event": "variant_ended", **own, "label": f"lr={number}", "state": "finished",
           "metric": 0.5, "duration_s": 1.0}  # fmt: skip


if __name__ == "__main__":
    main()
