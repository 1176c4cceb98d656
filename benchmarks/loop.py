"""What nbexp.loop and nbexp.log take away from a notebook.

Usage: python benchmarks/loop.py [--iterations 50] [--seconds 1] [--rounds 3]

For states of 8 MB and 240 MB, each in processes of their own: a loop of so many iterations, each a
fixed amount of real computing (matrix products on one thread, which is what a stage with cpu = 1
gets, and a change of the state), with snapshots and without, turn about. The share is
(with - without) / with. Beside it stands the same of CPU time, which other users of the machine
disturb less and which holds all that is done in the background, and what nbexp itself accounts
for. Then the time of 1,000 calls of nbexp.log in a run.
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

BARS = {8: 0.02, 240: 1 / 15}


def work(megabytes: int, iterations: int, seconds: float) -> dict[str, float]:
    """Run the loop in this process; return its time, and nbexp's account."""
    import torch

    import nbexp
    from nbexp.notebook import session

    torch.manual_seed(0)
    torch.set_num_threads(1)
    count = megabytes * 10**6 // 4 // 8
    state = {f"weight{n}": torch.randn(count) for n in range(8)}
    model = torch.nn.ParameterDict(state)
    a = torch.randn(512, 512)
    products = int(os.environ["PRODUCTS"]) if "PRODUCTS" in os.environ else calibrate(seconds)
    nbexp.checkpoint(model=model, history=[])
    began, cpu = time.perf_counter(), time.process_time()
    for _ in nbexp.loop("step", iterations):
        for _ in range(products):
            a = torch.nn.functional.normalize(a @ a)
        with torch.no_grad():
            model["weight0"].add_(1)
    result = {"products": products, "took_s": time.perf_counter() - began}
    checkpointer = session.current().checkpointer
    if checkpointer is not None:
        result["spent_s"] = checkpointer.budget.spent_s  # without what is being written at the end
        checkpointer.flush()
    return result | {"cpu_s": time.process_time() - cpu}


def calibrate(seconds: float) -> int:
    """Return how many products take so long where nothing else keeps the core busy."""
    import torch

    a = torch.randn(512, 512)
    times_s = []
    for _ in range(40):
        began = time.perf_counter()
        for _ in range(5):
            a = torch.nn.functional.normalize(a @ a)
        times_s.append((time.perf_counter() - began) / 5)
    return round(seconds / min(times_s))


def log_s() -> float:
    """Return the seconds that 1,000 calls of `nbexp.log` take."""
    import nbexp

    nbexp.log("loss", 0.5)
    began = time.perf_counter()
    for step in range(1000):
        nbexp.log({"loss": 0.5, "accuracy": 0.9}, step=step)
    return time.perf_counter() - began


def in_process(*arguments: str, folder: Path | None, products: str = "") -> dict[str, float]:
    """Run this file in a process of its own, in a run's folder or by hand."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NBEXP_")}
    if folder is not None:
        environment |= {"NBEXP_FOLDER": str(folder), "NBEXP_VARIANT": "train-3f9a2c"}
    if products:
        environment["PRODUCTS"] = products
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(megabytes: int, iterations: int, seconds: float, rounds: int) -> None:
    """Measure a loop with snapshots and without, and print the shares."""
    arguments = ["--work", str(megabytes), "--iterations", str(iterations),
                 "--seconds", str(seconds)]  # fmt: skip
    products = str(int(in_process(*arguments, folder=None)["products"]))
    without, having, counts = [], [], []
    for _ in range(rounds):
        without.append(in_process(*arguments, folder=None, products=products))
        with tempfile.TemporaryDirectory() as name:
            having.append(in_process(*arguments, folder=Path(name), products=products))
            counts.append(len(list(Path(name).glob("snapshots/[0-9]*"))))
    accounted = max(each["spent_s"] / each["took_s"] for each in having)
    print(
        f"{megabytes:4} MB, bar {BARS[megabytes]:.2%}: {average(having, 'took_s'):.1f} s a loop; "
        f"share of wall time {share(without, having, 'took_s'):.2%}, of CPU time "
        f"{share(without, having, 'cpu_s'):.2%}, by nbexp's account {accounted:.2%} at most; "
        f"snapshots left {counts}",
        flush=True,
    )


def average(results: list[dict[str, float]], key: str) -> float:
    """Return the mean of a time."""
    return sum(result[key] for result in results) / len(results)


def share(without: list[dict[str, float]], having: list[dict[str, float]], key: str) -> float:
    """Return which share of a time snapshots take."""
    return 1 - average(without, key) / average(having, key)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--iterations", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--log", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        print(json.dumps(work(options.work, options.iterations, options.seconds)))
    elif options.log:
        print(json.dumps({"took_s": log_s()}))
    else:
        for megabytes in BARS:
            compare(megabytes, options.iterations, options.seconds, options.rounds)
        with tempfile.TemporaryDirectory() as name:
            took_s = in_process("--log", folder=Path(name))["took_s"]
        print(f"nbexp.log  {took_s:.4f} ms a call  (bar 0.2 ms)")


if __name__ == "__main__":
    main()
