"""The part on reports: nbexp's of a whole run, beside nbconvert's HTML of its notebooks."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import nbformat

from benchmarks.speed import tools
from benchmarks.speed.projects import only_run
from benchmarks.speed.timing import timed

_STAGE = "train"
_TRAIN = """\
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import nbexp

rng = np.random.default_rng(seed)
losses = []
for step in range(20):
    losses.append(np.exp(-step * lr) + 0.02 * rng.standard_normal())
    nbexp.log("loss", losses[-1], step)
"""
_SHOW = """\
figure, ax = plt.subplots()
ax.plot(losses)
ax.set(xlabel="step", ylabel="loss")
nbexp.glue("accuracy", 1 - min(losses))
pd.DataFrame({"step": range(20), "loss": losses})
"""
_CHROMIUM = "/usr/bin/chromium"
_SORTS = 5
_SORT = """() => {
    const buttons = [...document.querySelectorAll("#table thead button")];
    const began = performance.now();
    buttons.find((button) => button.dataset.key === "took").click();
    document.body.offsetHeight; // lays the page out
    return (performance.now() - began) / 1000;
}"""


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Return time and size of a run's report and of nbconvert's pages, in a fresh project."""
    _write_project(folder, count)
    timed(tools.NBEXP_RUN, folder)
    run = only_run(folder)
    notebooks = sorted(run.glob("variants/*/notebook.ipynb"))
    if len(notebooks) != count:
        raise SystemExit(f"{count} variants were to finish; {len(notebooks)} did")
    named = [folder / "named" / f"{path.parent.name}.ipynb" for path in notebooks]
    (folder / "named").mkdir()
    for path, name in zip(notebooks, named, strict=True):
        os.link(path, name)
    report, pages = folder / "report", folder / "pages"
    took = timed([*tools.NBEXP_COMMAND, "report", run.name, "--to", str(report)], folder)
    convert = [sys.executable, "-m", "nbconvert", "--to", "html", "--output-dir", str(pages)]
    other = timed([*convert, *map(str, named)], folder)
    if (made := len(list(pages.glob("*.html")))) != count:
        raise SystemExit(f"nbconvert was to write {count} pages; it wrote {made}")
    whole = _size(report.rglob("*"))
    return {
        "count": count,
        "notebooks": _size(named),
        "nbexp": {**asdict(took), "bytes": whole, "files": _size(report.glob("files/**/*"))},
        "nbconvert": {**asdict(other), "bytes": _size(pages.rglob("*"))},
        "opened": _opened(report / "stages" / f"{_STAGE}.html"),
    }


def _write_project(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    cells = [
        nbformat.v4.new_markdown_cell("# Training\n\nThe loss falls by $e^{-lr}$ in a step."),
        nbformat.v4.new_code_cell("lr = 0.1\nseed = 0", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(_TRAIN),
        nbformat.v4.new_code_cell(_SHOW),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": spec, "language_info": {"name": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), folder / "train.ipynb")
    (folder / "pipeline.toml").write_text(
        f'[stages.{_STAGE}]\nnotebook = "train.ipynb"\nmetric = "accuracy"\n'
        f"[stages.{_STAGE}.params]\nlr.grid = [0.01, 0.03, 0.1, 0.3, 1.0]\n"
        f"seed.grid = {list(range(count // 5))}\n"
    )


def _size(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file())


def _opened(page: Path) -> dict[str, float] | None:
    """Return how long a stage's page takes in a browser to be painted, loaded and sorted."""
    if shutil.which(_CHROMIUM) is None:
        return None
    from playwright.sync_api import sync_playwright

    with sync_playwright() as starter:
        browser = starter.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(page.as_uri())
        tab.locator("#table tbody tr").first.wait_for()
        found = tab.evaluate("""() => ({
            painted_s: performance.getEntriesByName("first-contentful-paint")[0].startTime / 1000,
            loaded_s: performance.getEntriesByType("navigation")[0].loadEventEnd / 1000,
        })""")
        sorts = [tab.evaluate(_SORT) for _ in range(_SORTS)]
        browser.close()
    return {**found, "sorted_s": median(sorts)}
