"""Commands, timed as a user would meet them: from the prompt and back."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

LOG = "command.log"
PROJECT = "BENCHMARK_PROJECT"
_LIMIT_S = 4 * 3600
_LAST_CHARACTERS = 1000
# What would make one tool use another's parts, or find what an earlier run left.
_OTHERS = ("NBEXP_", "RAY_", "MLFLOW_", "JUPYTER_DEFAULT_PROVISIONER", "PLOOMBER_", "PAPERMILL_")


@dataclass(frozen=True)
class Took:
    """What a command took.

    Attributes:
        wall_s: From its start to its end.
        cpu_s: Processor time of the whole machine meanwhile, since not all that a tool starts are
            its children; on a quiet machine that is the tool's own.
        others: How many cores were busy in the second before.
    """

    wall_s: float
    cpu_s: float
    others: float


def timed(command: Sequence[str], folder: Path) -> Took:
    """Return what a command takes; its output goes to a file in the folder.

    Raises:
        SystemExit: It failed.
    """
    cores = psutil.cpu_count() or 1
    others = psutil.cpu_percent(1.0) / 100 * cores
    with (folder / LOG).open("wb") as log:
        busy_s, began = _busy_s(), time.monotonic()
        done = subprocess.run(
            command, cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, check=False, timeout=_LIMIT_S,
        )  # fmt: skip
        took = Took(time.monotonic() - began, _busy_s() - busy_s, others)
    check(done.returncode, command, folder)
    return took


def check(code: int, command: Sequence[str], folder: Path) -> None:
    """Raise SystemExit with the end of its output where a command failed."""
    if not code:
        return
    kept = Path(tempfile.gettempdir()) / "nbexp-bench-failed.log"
    shutil.copyfile(folder / LOG, kept)
    end = kept.read_text(errors="replace")[-_LAST_CHARACTERS:]
    raise SystemExit(f"{' '.join(command)[:300]} ended with {code}:\n{end}\nWhole output: {kept}")


def environment(folder: Path) -> dict[str, str]:
    """Return this process's environment, without what belongs to one of the tools.

    It is another one for each project, so that no run takes its kernels from a parent that an
    earlier one has left warm.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    quiet = {"PLOOMBER_STATS_ENABLED": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return {**own, **quiet, PROJECT: str(folder)}


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))
