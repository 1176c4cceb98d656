"""A small project, and the command line in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
from click.testing import Result

PIPELINE = """\
name = "small"

[stages.make]
notebook = "templates/make.ipynb"
params = { n = { grid = [1, 2, 3] } }

[stages.use]
notebook = "templates/use.ipynb"
metric = "y"
params = { x = "@make.x" }
"""

Nbexp = Callable[..., Result]


def write_template(path: Path, parameters: str, *sources: str) -> None:
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    spec = {"name": "python3", "display_name": "python3", "language": "python"}
    path.parent.mkdir(exist_ok=True, parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), path)


def write_project(folder: Path) -> Path:
    """Write a pipeline of two stages; `make` fails with n = 3, and prints what it does."""
    make = "if n == 3:\n    raise ValueError('three is too much')\nprint('made', n)"
    glue = "import nbexp\nnbexp.glue('x', 10 * n)"
    write_template(folder / "templates" / "make.ipynb", "n = 1", make, glue)
    use = "import nbexp\nnbexp.glue('y', x + 1)"
    write_template(folder / "templates" / "use.ipynb", "x = 0", use)
    file = folder / "pipeline.toml"
    file.write_text(PIPELINE)
    return file


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    command = [sys.executable, "-m", "nbexp", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = os.environ | {"PYTHONWARNINGS": ""}
    return subprocess.Popen(command, env=environment, **pipes)


def events(folder: Path) -> list[dict[str, object]]:
    files = sorted(folder.glob("runs/*/events.jsonl"))
    told = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return [{key: each for key, each in event.items() if key != "crc32"} for event in told]


def await_true(is_true: Callable[[], object], what: str, timeout_s: float = 120.0) -> None:
    """Wait for something that another process does, of which it sends no word."""
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.05)


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
