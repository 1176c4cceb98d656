"""How nbexp bears many variants: planning 2,000, running some, and looking up 500 that finished.

Usage: python benchmarks/scale.py [--variants 2000] [--finished 500]

Everything happens in a temporary folder, in processes of their own, one after another. Times are
wall times of whole processes, start-up included; ratios are to papermill executing the same
notebook once, in the same session.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import psutil


def write_project(folder: Path, count: int) -> None:
    """Write a pipeline with one trivial stage of so many variants."""
    cells = [
        nbformat.v4.new_code_cell("n = 0", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import nbexp\nnbexp.glue('square', n * n)"),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": spec, "language_info": {"name": "python"}}
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / "square.ipynb"
    )
    grid = f"params = {{ n = {{ grid = {list(range(count))} }} }}"
    (folder / "pipeline.toml").write_text(f'[stages.square]\nnotebook = "square.ipynb"\n{grid}\n')


def timed(*command: str, folder: Path) -> tuple[float, float]:
    """Return the seconds that a command takes, and the most memory of its process in MiB."""
    started = time.monotonic()
    process = psutil.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    most = 0.0
    while process.poll() is None:
        most = max(most, memory_mib(process))
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} ended with {process.returncode}")
    return time.monotonic() - started, most


def memory_mib(process: psutil.Process) -> float:
    """Return the memory that a process holds now."""
    try:
        return process.memory_info().rss / 2**20
    except psutil.Error:
        return 0.0


def run_until(folder: Path, count: int) -> tuple[float, float, float]:
    """Run until so many variants have finished; return seconds, first and last memory in MiB."""
    started = time.monotonic()
    process = psutil.Popen(
        [sys.executable, "-m", "nbexp", "run", "pipeline.toml"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    first = last = 0.0
    while (done := finished(folder)) < count and process.poll() is None:
        last = memory_mib(process) or last
        first = first or (last if done >= 10 else 0.0)
        time.sleep(0.5)
    took = time.monotonic() - started
    subprocess.run(
        [sys.executable, "-m", "nbexp", "stop"], cwd=folder, check=False, capture_output=True
    )
    process.wait()
    return took, first, last


def finished(folder: Path) -> int:
    """Return how many variants of the only run have finished."""
    events = list(folder.glob("runs/*/events.jsonl"))
    lines = events[0].read_text().splitlines() if events else []
    ended = [json.loads(line) for line in lines if '"variant_ended"' in line]
    return sum(event["state"] == "finished" for event in ended)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", type=int, default=2000)
    parser.add_argument("--finished", type=int, default=500)
    options = parser.parse_args()
    os.environ["MPLBACKEND"] = "agg"
    nbexp = [sys.executable, "-m", "nbexp"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder, options.variants)
        papermill = [sys.executable, "-m", "papermill", "square.ipynb", "out.ipynb", "-p", "n", "3"]
        timed(*papermill, folder=folder)  # once to warm the disk's cache
        single_s, _ = timed(*papermill, folder=folder)
        plan_s, plan_mib = timed(*nbexp, "plan", "pipeline.toml", folder=folder)
        run_s, first_mib, last_mib = run_until(folder, options.finished)
        write_project(folder, options.finished)
        again_s, again_mib = timed(*nbexp, "run", "pipeline.toml", folder=folder)
    print(f"papermill, one notebook        {single_s:8.2f} s")
    print(f"plan of {options.variants} variants         {plan_s:8.2f} s  {plan_mib:6.0f} MiB")
    print(
        f"run until {options.finished} have finished  {run_s:8.1f} s  "
        f"{first_mib:6.0f} MiB after 10, {last_mib:.0f} MiB at the end (driver)"
    )
    print(f"  per variant, over papermill  {run_s / options.finished / single_s:8.2f}")
    print(f"run again, all {options.finished} cached     {again_s:8.2f} s  {again_mib:6.0f} MiB")
    print(f"  over one papermill execution {again_s / single_s:8.2f}")


if __name__ == "__main__":
    main()
