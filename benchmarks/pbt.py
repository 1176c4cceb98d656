"""What population-based training gains over random search at equal epochs.

Usage: python benchmarks/pbt.py [--seeds 3] [--into DIR]

The pipeline notebooks/pbt/pipeline.toml, an autoencoder of digits: 8 learning rates drawn at
random and kept for 30 epochs, and the same 8 under PBT. Beside them stands what PBT has to find out
by itself: the same 8 draws with rates that fall along a cosine. Each run is in a folder of its own.
Results are kept in the folder `--into`, and what is there is not run again.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from measured_runs import REPOSITORY, Case, Measured, measure, pipeline_text, print_table, spread

PBT = '{ type = "pbt", perturbation_interval = 4, quantile_fraction = 0.25, synch = true }'
MODES: dict[str, tuple[str | None, list[str]]] = {
    "random": (None, []),
    "pbt": (PBT, []),
    "random, cosine": (None, ["train.decay=true"]),
}
Runs = Mapping[str, Sequence[Measured]]


def run_all(seeds: int, folder: Path) -> Runs:
    """Run each mode with each seed; return what came of it, by mode."""
    file = REPOSITORY / "notebooks" / "pbt" / "pipeline.toml"
    found: dict[str, list[Measured]] = {mode: [] for mode in MODES}
    for seed in range(1, seeds + 1):
        for mode, (scheduler, sets) in MODES.items():
            text = pipeline_text(file, seed=seed, scheduler=scheduler)
            measured = measure(Case(mode, seed, text, "test_error"), folder, sets=sets)
            found[mode].append(measured)
            print(
                f"seed {seed}, {mode}: best {measured.best:.4f}, test {measured.test:.4f}, "
                f"{measured.steps} epochs, {measured.wall_s:.0f} s",
                flush=True,
            )
    return found


def report(found: Runs) -> None:
    """Print a table with a row a mode."""
    rows = []
    for mode, runs in found.items():
        ratios = [run.best / base.best for run, base in zip(runs, found["random"], strict=True)]
        rows.append([
            mode,
            spread([run.best for run in runs]),
            ", ".join(f"{ratio - 1:+.0%}" for ratio in ratios),
            spread([run.test for run in runs]),
            f"{statistics.mean(run.steps for run in runs):.0f}",
            f"{statistics.mean(run.wall_s for run in runs):.0f} s",
        ])  # fmt: skip
    header = ("8 variants", "least error", "against random, by seed", "its test error", "epochs",
              "wall time")  # fmt: skip
    print_table(header, rows)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--into", type=Path, default=Path("build/benchmarks"))
    options = parser.parse_args()
    os.environ["MPLBACKEND"] = "agg"
    report(run_all(options.seeds, options.into / "pbt"))


if __name__ == "__main__":
    main()
