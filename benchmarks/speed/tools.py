"""The tools that are compared, as commands that a user would type."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.projects import NAME, check_outputs, cores, write_sweep
from benchmarks.speed.timing import Took, timed

BIN = Path(sys.executable).parent
PLOOMBER_BIN = Path(__file__).parents[2] / ".venv-bench" / "ploomber" / "bin"
PAPERMILL_COMMAND = [str(BIN / "papermill")]
NBEXP_COMMAND = [sys.executable, "-m", "nbexp"]
NBEXP_RUN = [*NBEXP_COMMAND, "run", "pipeline.toml"]
POOL = Path(__file__).with_name("papermill_pool.py")


@dataclass(frozen=True)
class Tool:
    """A way to execute the same notebook with many values.

    Attributes:
        name: How results call it.
        outputs: Pattern of the executed notebooks in a project's folder.
        command: Returns the command that executes so many.
    """

    name: str
    outputs: str
    command: Callable[[int], list[str]]


def _papermill(count: int, processes: int) -> list[str]:
    execute = f"{PAPERMILL_COMMAND[0]} {NAME}.ipynb out/{{}}.ipynb -p n {{}}"
    return ["sh", "-c", f"seq 0 {count - 1} | xargs -P {processes} -I '{{}}' {execute}"]


def _pool(count: int) -> list[str]:
    return [sys.executable, str(POOL), f"{NAME}.ipynb", "out", str(count), str(cores())]


NBEXP = Tool("nbexp", "runs/*/variants/*/notebook.ipynb", lambda _: NBEXP_RUN)
PAPERMILL = Tool("papermill", "out/*.ipynb", lambda count: _papermill(count, cores()))
PAPERMILL_POOL = Tool("papermill_pool", "out/*.ipynb", _pool)
PAPERMILL_SINGLE = Tool("papermill_single", "out/*.ipynb", lambda count: _papermill(count, 1))
PLOOMBER = Tool("ploomber", "out/*.ipynb", lambda _: [str(PLOOMBER_BIN / "ploomber"), "build"])


def sweep(tool: Tool, folder: Path, count: int, *, keep: bool = False) -> Took:
    """Return what a tool takes for so many notebooks, in a fresh project.

    Raises:
        SystemExit: It failed, or not all notebooks ran.
    """
    write_sweep(folder, count)
    took = timed(tool.command(count), folder)
    check_outputs(folder, tool.outputs, count)
    if not keep:
        shutil.rmtree(folder)
    return took
