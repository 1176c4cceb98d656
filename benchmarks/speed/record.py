"""Results of a part, kept as JSON with when and with what they were taken."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

import nbexp
from benchmarks.speed.projects import cores
from benchmarks.speed.tools import PLOOMBER_BIN

REPOSITORY = Path(__file__).parents[2]
_PACKAGES = ("papermill", "nbclient", "jupyter_client", "ipykernel", "scrapbook", "ray", "mlflow",
             "nbconvert", "numpy", "pandas", "torch")  # fmt: skip


def save(folder: Path, part: str, results: Mapping[str, Any]) -> None:
    """Write the results of a part, over earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    taken = time.strftime("%Y-%m-%d", time.gmtime())
    whole = {"taken": taken, "machine": _machine(), "versions": _versions(), **results}
    (folder / f"{part}.json").write_text(json.dumps(whole, indent=1) + "\n")


def load(folder: Path, part: str) -> dict[str, Any] | None:
    """Return the results of a part, or None where it was not run."""
    file = folder / f"{part}.json"
    return json.loads(file.read_text()) if file.is_file() else None


def _machine() -> dict[str, Any]:
    return {
        "cores": cores(),
        "processor": _processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version(), "nbexp": f"{nbexp.__version__} ({_commit()})"}
    found |= {name: version(name) for name in _PACKAGES}
    return found | ({"ploomber": _ploomber()} if PLOOMBER_BIN.is_dir() else {})


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty=, changed"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "no commit"


def _ploomber() -> str:
    code = "from importlib.metadata import version; print(version('ploomber'))"
    command = [str(PLOOMBER_BIN / "python"), "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
