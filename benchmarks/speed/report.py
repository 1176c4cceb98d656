"""docs/benchmarks.md, from the results that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

Results = Mapping[str, Any]

_HEAD = """\
# Benchmarks

What nbexp takes, beside papermill, Ploomber's parallel executor and nbconvert, for the same \
notebooks on the same machine. This page is written by `make bench`; the numbers behind it are in \
`benchmarks/results`. What early stopping, population-based training, \
snapshots and kills come to stands in [case studies](case-studies.md).

Within a part the tools take turns, each in a fresh folder, after one round that doesn't count. \
Times are from the prompt and back, start-up included, and where something was measured several \
times, medians. Ratios are what carries over to other machines; seconds don't. CPU time is that \
of the whole machine meanwhile, since not all that a tool starts are its children.

    make bench                        # all but the last two parts; about an hour
    make bench ARGS="--only start"    # one part, or several with commas: {parts}
    make bench ARGS="--help"          # smaller numbers, and writing this page without measuring
"""

_TOOLS = {
    "nbexp": "nbexp",
    "papermill": "papermill's command, {cores} at a time",
    "papermill_pool": "papermill's Python API, {cores} processes",
    "papermill_single": "papermill's command, one after another",
    "ploomber": "Ploomber's parallel executor, {cores} processes",
}
_STARTS = {
    "papermill": "`papermill` on the notebook",
    "run": "`nbexp run`, in a new project",
    "cached": "`nbexp run` again: all is cached",
    "fresh": "`nbexp run --fresh` after that",
    "plan": "`nbexp plan`",
    "help": "`nbexp --help`",
    "import": '`python -c "import nbexp"`',
    "python": '`python -c ""`',
}
_PARTS = (
    ("fork", "launch", "fork_s", "`os.fork` and the end of the child, with the same imports done"),
    ("kernel start", "start", "kernel_s", "IPython's kernel coming up in such a child"),
    ("cells", "cells", "cells_s", "empty cells to a kernel and back, one after another"),
    ("shutdown", "shutdown", "kill_s", "SIGKILL to such a child, until it is gone"),
    ("save", "save", "save_s", "one write, and a rename"),
    ("MLflow", "mlflow", "rows_s", "as many rows into SQLite, in one transaction"),
    ("Ray", "ray", "pipe_s", "the same through a pipe between two processes"),
)
_GROUPS = ("driver", "workers", "kernels", "ray")


def document(found: Mapping[str, Results | None]) -> str:
    """Return the page; parts that were not measured say so.

    Args:
        found: Results by part, None for those that there are none of.
    """
    sections = {
        "## A sweep": ("sweep", _sweep),
        "## One variant more": ("marginal", _marginal),
        "## What its parts cost": ("floors", _floors(found.get("marginal"))),
        "## One notebook": ("start", _start),
        "## Very many variants": ("scale", _scale),
        "## Reports": ("report", _report),
    }
    texts = [_HEAD.format(parts=", ".join(part for part, _ in sections.values()))]
    for title, (part, write) in sections.items():
        results = found.get(part)
        command = f'`make bench ARGS="--only {part}"`'
        text = f"Not measured yet: {command}." if results is None else write(results)
        texts.append(f"{title}\n\n{text}\n" + ("" if results is None else f"\n{_taken(results)}\n"))
    return "\n".join(texts)


def _sweep(results: Results) -> str:
    rounds, counts = results["rounds"], results["counts"]
    whole, cores = counts["nbexp"], results["machine"]["cores"]
    base_s = _median(rounds, "nbexp")
    rows = []
    for name, label in _TOOLS.items():
        count, wall_s = counts[name], _median(rounds, name)
        start_s = _median(rounds, "ploomber_idle") if name == "ploomber" else 0.0
        all_s = start_s + (wall_s - start_s) / count * whole
        cpu_s = _median(rounds, name, "cpu_s") / count
        rows.append([
            label.format(cores=cores), count, f"{wall_s:.1f} s", f"{wall_s / count:.2f} s",
            f"{cpu_s:.2f} s", f"{all_s:.0f} s", f"{all_s / base_s:.1f}",
        ])  # fmt: skip
    header = ["", "notebooks", "wall time", "each", "CPU time of each", f"for {whole}",
              "times nbexp"]  # fmt: skip
    return (
        f"{whole} variants of a notebook that imports numpy, pandas, torch and scrapbook, and "
        f"glues one number. nbexp starts everything that it needs, in a project without a "
        f"database.\n\n{_table(header, rows)}\n\n"
        "Where fewer notebooks were measured, the time for all is extrapolated: papermill's by "
        "the notebook, since it has nothing to share between them; Ploomber's by the notebook "
        f"after its start, which is what it takes when all is up to date "
        f"({_median(rounds, 'ploomber_idle'):.1f} s)."
    )


def _marginal(results: Results) -> str:
    count, skip, cost_s = results["count"], results["skip"], results["marginal_s"]
    rows = [["nbexp", f"{_ms(cost_s)}", "1"]]
    for name in ("papermill", "papermill_pool"):
        each_s = median(each[name]["wall_s"] for each in results["papermill"]) / results["beside"]
        label = _TOOLS[name].format(cores=results["machine"]["cores"])
        rows.append([label, _ms(each_s), f"{each_s / cost_s:.1f}"])
    return (
        f"The same notebook, {count:,} variants in one run: what one costs between the "
        f"{skip:,}th and the {count:,}th that ended. Papermill had {results['beside']} "
        "notebooks before and as many after that run.\n\n"
        f"{_table(['', 'a variant', 'times nbexp'], rows)}\n\n"
        f"The whole run took {results['run']['wall_s']:.0f} s. From its start to its end a "
        f"variant took {_ms(results['variant_s'])} in its worker, of which there are as many as "
        "cores."
    )


def _floors(marginal: Results | None) -> Any:
    timings = (marginal or {}).get("timings", {})

    def write(results: Results) -> str:
        least = {**results, "cells_s": results["cells"] * results["cell_s"]}
        taken = {**timings, "mlflow": results["mlflow_s"], "ray": results["ray_s"]}
        rows = [
            [label, _ms(taken[key]) if key in taken else "-", _ms(least[floor]), what]
            for label, key, floor, what in _PARTS
        ]
        return (
            "What a variant of that notebook spends on each part (median), and what that part "
            "takes on its own when nothing else is done: a floor for any way to do it. The first "
            "five happen in the worker, one after another; MLflow is written by a thread of the "
            "driver meanwhile. MLflow and Ray are measured in loops of their own: a variant's way "
            "through nbexp's tracker, and a call of a living actor.\n\n"
            f"{_table(['part', 'takes', 'floor', 'the floor is'], rows)}\n\n"
            f"For comparison: an ordinary kernel that imports nothing answers after "
            f"{_ms(results['ordinary_kernel_s'])}."
        )

    return write


def _start(results: Results) -> str:
    rounds = results["rounds"]
    base_s = _median(rounds, "papermill")
    rows = []
    for name, label in _STARTS.items():
        wall_s, cpu_s = _median(rounds, name), _median(rounds, name, "cpu_s")
        rows.append([label, f"{wall_s:.2f} s", f"{cpu_s:.2f} s", f"{wall_s / base_s:.2f}"])
    return (
        "A notebook that prints a number, from the prompt and back; "
        f"{len(rounds)} rounds.\n\n"
        f"{_table(['', 'wall time', 'CPU time', 'times papermill'], rows)}\n\n"
        "The first run finds nothing of nbexp's on the machine; the later ones may find what "
        "kernels are forked from still warm."
    )


def _scale(results: Results) -> str:
    count, tenths_s = results["count"], results["tenths_s"]
    size = count // 10
    rows = []
    for number, tenth_s in enumerate(tenths_s, start=1):
        sample = _sample(results["samples"], number * size)
        held = [f"{sample['mib'].get(group, 0.0):,.0f}" for group in _GROUPS]
        rows.append([f"{number * size:,}", _ms(tenth_s / size), *held])
    first = _sample(results["samples"], count // 100)
    rows.insert(
        0, [f"{first['ended']:,}", "", *(f"{first['mib'].get(g, 0):,.0f}" for g in _GROUPS)]
    )
    header = ["variants ended", "each, since the line before", *(f"{g}, MiB" for g in _GROUPS)]
    return (
        f"A run of {count:,} variants of a notebook that prints a number. The last tenth took "
        f"{tenths_s[-1] / tenths_s[0]:.2f} times as long as the first. Memory is the "
        "proportional set size, in which what processes share counts once: of the driver, of all "
        "workers, of kernels with what they are forked from, and of Ray's own processes.\n\n"
        f"{_table(header, rows)}\n\n"
        f"`nbexp plan` of them takes {results['plan']['wall_s']:.1f} s, and a second run, all "
        f"cached, {results['cached']['wall_s']:.1f} s."
    )


def _report(results: Results) -> str:
    rows, opened = [], []
    for size in results["sizes"]:
        count, own, other = size["count"], size["nbexp"], size["nbconvert"]
        pages = own["bytes"] - own["files"]
        rows.append([
            f"{count:,}", f"{own['wall_s']:.1f} s", f"{other['wall_s']:.1f} s",
            f"{other['wall_s'] / own['wall_s']:.1f}", _mb(pages), _mb(other["bytes"]),
            f"{other['bytes'] / pages:.1f}", _mb(own["files"]),
        ])  # fmt: skip
        if times := size["opened"]:
            parts = [_ms(times[f"{part}_s"]) for part in ("painted", "loaded", "sorted")]
            opened.append([f"{count:,}", *parts])
    header = ["variants", "`nbexp report`", "nbconvert", "times nbexp", "pages, nbexp",
              "pages, nbconvert", "times nbexp", "files to download"]  # fmt: skip
    text = (
        "The report of a run of a notebook with a plot, a table and a curve of twenty steps: "
        "overview, the stage's table and charts, a page for each notebook, comparisons. Beside it "
        "nbconvert's HTML of the same notebooks, all by one command; those load scripts from "
        "elsewhere, and know nothing of each other.\n\n"
        f"{_table(header, rows)}"
    )
    if opened:
        header = ["variants", "painted", "loaded", "sorted"]
        text += f"\n\nThe page of the stage in Chromium, from a file:\n\n{_table(header, opened)}"
    return text


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _sample(samples: Sequence[Results], ended: int) -> Results:
    """Return the first sample at which so many variants had ended, or the last of all."""
    running = [sample for sample in samples if sample["mib"].get("workers")] or samples
    return next((sample for sample in running if sample["ended"] >= ended), running[-1])


def _taken(results: Results) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"*Taken on {results['taken']} with {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory_gib']} GiB, {machine['system']}; {versions}.{_disturbed(results)}*"
    )


def _disturbed(results: Results) -> str:
    """Say how busy the machine was by others, where that is known."""
    rounds = results.get("rounds", [])
    busy = [took["others"] for each in rounds for took in each.values()]
    return f" Before each command, {median(busy):.1f} cores were busy." if busy else ""


def _median(rounds: Iterable[Results], name: str, what: str = "wall_s") -> float:
    return float(median(each[name][what] for each in rounds))


def _ms(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    digits = 0 if seconds >= 0.01 else 2
    return f"{seconds * 1000:.{digits}f} ms"


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
