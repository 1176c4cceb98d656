"""What does it cost to observe what a notebook uses?

    python -m benchmarks.observing [--rounds 7] [--files 10000]

Executes notebooks with and without observation, in turns, in kernels started the ordinary way and
in warm ones: one that imports much, one that opens many small files, one that reads tables with
pandas, and one that does nothing. Prints the medians of the whole execution (kernel, cells, and
looking at what was used), and of the processor time of kernel and worker, as ratios.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat

from nbexp.execute import Job, NotebookExecutor, observing
from nbexp.observe.states import Files
from nbexp.source.templates import read_template
from nbexp.warm.client import Holds

NOTEBOOKS = {
    "nothing": ["x = 1"],
    "imports": ["import numpy, pandas, matplotlib.pyplot, sklearn.ensemble, scipy.stats, torch"],
    "both": [
        "import numpy, pandas, matplotlib.pyplot, sklearn.ensemble, scipy.stats, torch\n"
        "import json\nfrom pathlib import Path",
        "rows = [json.loads(path.read_text()) for path in sorted(Path('files').iterdir())]",
    ],
    "files": [
        "import json\nfrom pathlib import Path",
        "rows = [json.loads(path.read_text()) for path in sorted(Path('files').iterdir())]",
    ],
    "tables": [
        "import pandas as pd",
        "frames = [pd.read_csv(f'tables/{n}.csv') for n in range(500)]",
    ],
}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--files", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder, arguments.files)
        print(f"{'notebook':10} {'kernel':6} {'plain s':>8} {'observed':>9} {'cpu':>6}")
        for notebook, warm, times in measure(folder, arguments.rounds):
            plain, observed = (
                [statistics.median(each) for each in zip(*times[way], strict=True)]
                for way in (False, True)
            )
            kernel = "warm" if warm else "cold"
            ratios = [b / a - 1 for a, b in zip(plain, observed, strict=True)]
            print(f"{notebook:10} {kernel:6} {plain[0]:8.3f} {ratios[0]:+9.1%} {ratios[1]:+6.1%}")


def make_files(folder: Path, count: int) -> None:
    """Write the files that notebooks read."""
    (folder / "files").mkdir()
    for n in range(count):
        (folder / "files" / f"{n:05}.json").write_text(f'{{"n": {n}, "x": {[n] * 20}}}')
    (folder / "tables").mkdir()
    table = "a,b,c\n" + "".join(f"{n},{n * 2},{n * 3}\n" for n in range(200))
    for n in range(500):
        (folder / "tables" / f"{n}.csv").write_text(table)


def measure(
    folder: Path, rounds: int
) -> Iterator[tuple[str, bool, dict[bool, list[tuple[float, float]]]]]:
    """Yield wall and processor seconds of each notebook, with and without observation."""
    executor, holds = NotebookExecutor(), Holds()
    execute(executor, write_notebook(folder / "first.ipynb", []), 0, warm=False, observe=True)
    gc.freeze()  # as a worker does after its first execution
    try:
        for notebook, cells in NOTEBOOKS.items():
            template = write_notebook(folder / f"{notebook}.ipynb", cells)
            for warm in (False, True):
                times: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
                for number in range(rounds + 1):
                    for observe in (False, True):
                        took = execute(executor, template, number, warm=warm, observe=observe)
                        if number:  # the first one warms up the disk's cache
                            times[observe].append(took)
                yield notebook, warm, times
    finally:
        executor.close()
        holds.close()


def execute(
    executor: NotebookExecutor, template: Path, number: int, *, warm: bool, observe: bool
) -> tuple[float, float]:
    """Execute a notebook; return the wall and the processor time that it took."""
    name = f"{template.stem}-{warm}-{observe}-{number}"
    folder = template.parent / "runs" / "r" / "variants" / name
    folder.mkdir(parents=True)
    observing._FILES = Files()  # what earlier executions have read is hashed again
    imports = read_template(template, template.parent).imports if warm else ()
    job = Job(
        name, template, folder, {}, warm=warm, imports=imports, observe=observe,
        project=template.parent,
    )  # fmt: skip
    began, own = time.perf_counter(), os.times()
    outcome = executor.execute(job)
    wall, now = time.perf_counter() - began, os.times()
    assert outcome.state.is_success, outcome.error
    worker = now.user + now.system - own.user - own.system
    return wall, worker + outcome.usage.get("cpu_s", 0.0)


def write_notebook(path: Path, cells: list[str]) -> Path:
    """Write a notebook, and return where it is."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": spec}), path)
    return path


if __name__ == "__main__":
    main()
