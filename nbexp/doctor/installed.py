"""What is looked at without starting anything: packages, git, disk, memory."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from nbexp.doctor.finding import Finding, Level

_GIB = 2**30
_DISK_GIB, _SHM_GIB, _MEMORY_GIB = 2.0, 0.5, 2.0


def check_python() -> Iterator[Finding]:
    """Look at the interpreter."""
    yield Finding("Python", Level.OK, f"{platform.python_version()} at {sys.executable}")


def check_packages() -> Iterator[Finding]:
    """Look at the packages that nbexp requires, and at what must not be beside them."""
    for line in _requirements():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield _package(requirement)
    if _version("nteract-scrapbook") is not None:
        yield Finding(
            "nteract-scrapbook",
            Level.PROBLEM,
            "is the same module as scrapbook under its old name, and overwrites it",
            "pip uninstall nteract-scrapbook && pip install --force-reinstall --no-deps scrapbook",
        )


def check_git() -> Iterator[Finding]:
    """Look at git, which tells the commit that a run belongs to."""
    program = shutil.which("git")
    if program is None:
        remedy = "Install git; without it, runs don't tell the commit they belong to."
        yield Finding("git", Level.WARNING, "not found", remedy)
        return
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    yield Finding("git", Level.OK, done.stdout.strip().removeprefix("git version "))


def check_space(root: Path) -> Iterator[Finding]:
    """Look at the disk that runs are written to, and at the memory that Ray shares."""
    yield _space("disk", root, _DISK_GIB, "Delete runs that are no longer needed, in runs/.")
    shared = Path("/dev/shm")
    if shared.is_dir():
        remedy = "Enlarge it (docker run --shm-size=2g); Ray goes over to slow files without."
        yield _space("/dev/shm", shared, _SHM_GIB, remedy)


def check_memory() -> Iterator[Finding]:
    """Look at the memory and the cores."""
    import psutil

    from nbexp.run import local_node

    memory, node = psutil.virtual_memory(), local_node()
    found = f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB free"
    if memory.available < _MEMORY_GIB * _GIB:
        remedy = "Close programs, or give stages more CPUs so that fewer run at a time."
        yield Finding("memory", Level.WARNING, found, remedy)
    else:
        yield Finding("memory", Level.OK, found)
    gpus = f", {node['GPU']:g} GPUs" if node["GPU"] else ", no GPU"
    yield Finding("cores", Level.OK, f"{node['CPU']:g}{gpus}")


def _space(name: str, path: Path, least_gib: float, remedy: str) -> Finding:
    free = shutil.disk_usage(path).free / _GIB
    message = f"{free:.1f} GiB free at {path.absolute()}"
    if not os.access(path, os.W_OK):
        return Finding(
            name, Level.PROBLEM, f"{path.absolute()} can't be written", "Choose another."
        )
    if free < least_gib:
        return Finding(name, Level.WARNING, message, remedy)
    return Finding(name, Level.OK, message)


def _requirements() -> list[str]:
    try:
        return requires("nbexp") or []
    except PackageNotFoundError:  # used from a checkout, without having been installed
        file = Path(__file__).parents[2] / "pyproject.toml"
        return list(tomllib.loads(file.read_text())["project"]["dependencies"])


def _package(requirement: Requirement) -> Finding:
    found, remedy = _version(requirement.name), f'pip install "{requirement}"'
    if found is None:
        return Finding(requirement.name, Level.PROBLEM, "not installed", remedy)
    if not requirement.specifier.contains(found, prereleases=True):
        message = f"{found}, but {requirement.specifier} is needed"
        return Finding(requirement.name, Level.PROBLEM, message, remedy)
    return Finding(requirement.name, Level.OK, found)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
