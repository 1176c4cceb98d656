"""The notebooks that are compared, in a folder where each tool finds its own description."""

from __future__ import annotations

import json
import os
from pathlib import Path

import nbformat

NAME = "sweep"
IMPORTS = ("numpy", "pandas", "torch", "scrapbook")
CELLS = 4  # code cells of an executed sweep notebook, the injected parameters among them
_SCRAP = "application/scrapbook.scrap"


def write_sweep(folder: Path, count: int) -> None:
    """Write a project whose notebook imports what many do, and glues one scrap."""
    imports = "\n".join(f"import {name}" for name in IMPORTS)
    _write(folder, [imports, "scrapbook.glue('square', n * n)"], count)


def write_trivial(folder: Path, count: int) -> None:
    """Write a project whose notebook imports nothing and prints a number."""
    _write(folder, ["print(n * n)"], count)


def _write(folder: Path, sources: list[str], count: int) -> None:
    folder.mkdir(parents=True)
    (folder / "out").mkdir()
    cells = [
        nbformat.v4.new_code_cell("n = 0", metadata={"tags": ["parameters"]}),
        *map(nbformat.v4.new_code_cell, sources),
    ]
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": spec, "language_info": {"name": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.write(notebook, folder / f"{NAME}.ipynb")
    values = list(range(count))
    (folder / "pipeline.toml").write_text(
        f'[stages.{NAME}]\nnotebook = "{NAME}.ipynb"\nparams = {{ n = {{ grid = {values} }} }}\n'
    )
    ploomber = {
        "meta": {"extract_upstream": False},
        "executor": {"dotted_path": "ploomber.executors.Parallel", "processes": cores()},
        "tasks": [
            {
                "source": f"{NAME}.ipynb",
                "name": f"{NAME}-*",
                "product": f"out/{NAME}.ipynb",
                "grid": {"n": values},
            }
        ],
    }
    (folder / "pipeline.yaml").write_text(json.dumps(ploomber))  # JSON is YAML too


def only_run(project: Path) -> Path:
    """Return the folder of a project's only run."""
    [events] = project.glob("runs/*/events.jsonl")
    return events.parent


def check_outputs(folder: Path, pattern: str, count: int) -> None:
    """Raise SystemExit unless there are so many executed notebooks, each with its scrap."""
    found = list(folder.glob(pattern))
    lacking = [path for path in found if _SCRAP not in path.read_text()]
    if len(found) != count or lacking:
        raise SystemExit(f"{count} notebooks were to run; {len(found)} did, {len(lacking)} badly")


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
