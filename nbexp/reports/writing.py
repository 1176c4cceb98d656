"""Writes the report of a run: a folder of static pages."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from nbexp import __version__
from nbexp.errors import UsageError
from nbexp.files import replace_folder, write_atomic
from nbexp.reports.pages import copy_assets
from nbexp.reports.site import Site
from nbexp.runs.folder import RunFolder
from nbexp.runs.results import RunResult

_MARK = "nbexp-report"  # a file that says that a folder is a report, and may be replaced


@dataclass(frozen=True)
class Report:
    """A report that has been written.

    Attributes:
        index: Its first page.
        pages: How many pages it has.
        seconds: How long it took.
    """

    index: Path
    pages: int
    seconds: float


def write_report(run: Path, target: Path | None = None) -> Report:
    """Write the report of a run.

    It is written beside its place and renamed, so that a report is never half there.

    Args:
        run: The run's folder.
        target: The report's folder, ``report`` in the run's by default. An earlier report in it is
            replaced.

    Raises:
        UsageError: The target is there already, and no report; or it can't be written.
    """
    started = time.monotonic()
    target = target or RunFolder(run).report
    _check(target)
    beside = _folder_beside(target)
    try:
        count = _write(RunResult.read(run), beside)
        beside.chmod(0o755)
        replace_folder(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Report(target / "index.html", count, time.monotonic() - started)


def _check(target: Path) -> None:
    """Refuse to replace what is no report."""
    if target.exists() and not target.is_dir():
        raise UsageError(
            f"{target} is a file, but a report is a folder. Name a folder with --to, "
            "which need not be there yet."
        )
    if target.exists() and not (target / _MARK).is_file() and any(target.iterdir()):
        raise UsageError(
            f"{target} is there already, and is no report. Name another folder with --to."
        )


def _folder_beside(target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise UsageError(
            f"The report can't be written to {target}: {error.strerror} ({target.parent}). "
            "Name a folder with --to in a place where you may write."
        ) from error


def _write(run: RunResult, folder: Path) -> int:
    """Write all pages, and return their number."""
    copy_assets(folder / "assets")
    site = Site(run, folder)
    paths = site.paths()
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / path, site.render(path))
    write_atomic(folder / _MARK, f"{__version__}\n")
    return sum(path.endswith(".html") for path in paths)
