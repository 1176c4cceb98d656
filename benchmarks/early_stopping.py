"""What early stopping saves, and what it costs in accuracy.

Usage: python benchmarks/early_stopping.py --dataset digits [--seeds 3] [--data DIR] [--into DIR]

The same 27 variants of notebooks/early_stopping/DATASET.toml, trained in full, under ASHA (also
with a later and milder first choice) and under HyperBand; as in figure 5 of J. Wohlwend,
N. Matthews, I. Itzcovich. 2019. Flambé: A Customizable Framework for Machine Learning Experiments.
ACL: System Demonstrations. Each run is in a folder of its own, so that nothing is found in a cache.
Results are kept in the folder `--into`, and what is there is not run again.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measured_runs import REPOSITORY, Case, Measured, measure, pipeline_text, print_table, spread

MODES = {
    "full": None,
    "asha": '{ type = "asha", max_t = 27, reduction_factor = 3, grace_period = 1 }',
    "asha, later": '{ type = "asha", max_t = 27, reduction_factor = 2, grace_period = 3 }',
    "hyperband": '{ type = "hyperband", max_t = 27, reduction_factor = 3 }',
}
TESTS = {"digits": "test_accuracy", "trec": "accuracy"}
Runs = Mapping[str, Sequence[Measured]]


def run_all(dataset: str, seeds: int, data: Path, folder: Path) -> Runs:
    """Run each mode with each seed; return what came of it, by mode."""
    sets = [f"params.data='{data.resolve()}'"] if dataset == "trec" else []
    file = REPOSITORY / "notebooks" / "early_stopping" / f"{dataset}.toml"
    found: dict[str, list[Measured]] = {mode: [] for mode in MODES}
    for seed in range(1, seeds + 1):
        for mode, scheduler in MODES.items():
            text = pipeline_text(file, seed=seed, scheduler=scheduler)
            measured = measure(Case(mode, seed, text, TESTS[dataset]), folder, sets=sets)
            found[mode].append(measured)
            print(
                f"seed {seed}, {mode}: best {measured.best:.4f}, test {measured.test:.4f}, "
                f"{measured.steps} epochs, {measured.wall_s:.0f} s",
                flush=True,
            )
    return found


def report(found: Runs) -> None:
    """Print a table with a row a mode."""
    full = found["full"]
    rows = []
    for mode, runs in found.items():
        pairs = list(zip(runs, full, strict=True))
        saved = statistics.mean(1 - run.steps / whole.steps for run, whole in pairs)
        rows.append([
            mode,
            spread([run.best for run in runs]),
            spread([run.best - whole.best for run, whole in pairs]),
            spread([run.test for run in runs]),
            f"{statistics.mean(run.steps for run in runs):.0f}",
            f"{saved:.0%}",
            f"{statistics.mean(run.wall_s for run in runs):.0f} s",
        ])  # fmt: skip
    header = ("27 variants", "best accuracy", "against full", "its test accuracy", "epochs",
              "saved", "wall time")  # fmt: skip
    print_table(header, rows)


def draw(found: Runs, path: Path) -> None:
    """Draw accuracy against epoch for the first seed, and the epochs of all."""
    import matplotlib.pyplot as plt

    count = len(found)
    figure, axes = plt.subplots(
        1, count + 1, figsize=(3.5 * (count + 1), 3.6), layout="constrained"
    )
    for ax, (mode, runs) in zip(axes, found.items(), strict=False):
        _draw_curves(ax, runs[0])
        ax.set(title=mode, xlabel="epoch", ylim=(0, 1), xlim=(0, 28))
    axes[0].set_ylabel("validation accuracy")
    axes[count - 1].legend(loc="lower right")
    means = [statistics.mean(run.steps for run in runs) for runs in found.values()]
    bars = axes[count].bar(list(found), means, color=["0.6"] + ["tab:blue"] * (count - 1))
    axes[count].bar_label(bars, fmt="%.0f")
    axes[count].set(title="epochs spent, on average", ylim=(0, 1.12 * max(means)))
    figure.savefig(path, dpi=120)


def _draw_curves(ax: Any, run: Measured) -> None:
    longest = max(line[-1][0] for line in run.curves.values())
    best = max(run.curves, key=lambda name: run.curves[name][-1][1])
    ends = []
    for name, line in run.curves.items():
        epochs, values = [step + 1 for step, _ in line], [value for _, value in line]
        style: dict[str, Any] = {"color": "0.7", "lw": 0.8}
        if name == best:
            style = {"color": "tab:red", "lw": 1.8, "zorder": 3, "label": "best"}
        ax.plot(epochs, values, **style)
        if line[-1][0] < longest:
            ends.append((epochs[-1], values[-1]))
    if ends:
        ax.plot(*zip(*ends, strict=True), "x", color="0.2", ms=4, label="pruned")


def main() -> None:
    """Measure, print a table and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dataset", choices=list(TESTS), default="digits")
    parser.add_argument("--seeds", type=int, default=3)
    data = REPOSITORY / "data" / "trec"
    parser.add_argument("--data", type=Path, default=data, help="folder of TREC's two files")
    parser.add_argument("--into", type=Path, default=Path("build/benchmarks"))
    options = parser.parse_args()
    os.environ["MPLBACKEND"] = "agg"
    folder = options.into / f"early_stopping_{options.dataset}"
    found = run_all(options.dataset, options.seeds, options.data, folder)
    report(found)
    draw(found, folder / "curves.png")
    print(f"drawn in {folder / 'curves.png'}")


if __name__ == "__main__":
    main()
