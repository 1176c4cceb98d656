"""What a variant keeps of its way while it is under way: snapshots, what it logged, its history.

It lies in the variant's folder and outlives its execution, so that one that was paused, stopped
or lost goes on from there.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from nbexp.checkpoints.snapshots import DamagedError, Moment, Snapshot, read
from nbexp.files import append_line, link_or_copy, read_json, write_json
from nbexp.metrics import mark_return
from nbexp.records import fits
from nbexp.runs.folder import RunFolder
from nbexp.runs.lineage import history_of
from nbexp.runs.variant_folder import VariantFolder

_CELL = {"number": int | None, "count": int, "line": str, "began": float}


def adopt_progress(
    folder: VariantFolder,
    key: str,
    runs: Iterable[Path],
    is_current: Callable[[VariantFolder], bool],
) -> bool:
    """Bring what an earlier execution left on its way into a variant's folder.

    Args:
        folder: The variant's folder, in which nothing has run yet.
        key: Its identity, which the earlier one must have had.
        runs: Folders of earlier runs, newest first.
        is_current: Whether what the execution in a folder had used is still as it was then.

    Returns:
        Whether there was something.
    """
    for run in runs:
        source = RunFolder(run).variant(folder.name)
        if source == folder or not _has_progress(source) or _key(source) != key:
            continue
        if is_current(source):
            try:
                _bring(source, folder)
            except (OSError, shutil.Error):
                _discard(folder)
            else:
                return True
    return False


def exploit_progress(folder: VariantFolder, donor: VariantFolder, snapshot: str, step: int) -> None:
    """Put a donor's snapshot in the place of a variant's own.

    Args:
        folder: The variant's folder.
        donor: The donor's folder.
        snapshot: Name of the snapshot.
        step: The donor's step, after which the variant goes on.
    """
    own = folder.snapshots
    beside = own.with_name(f".{own.name}")
    shutil.rmtree(beside, ignore_errors=True)
    _copy_tree(donor.snapshots / snapshot, beside / snapshot)
    shutil.rmtree(own, ignore_errors=True)
    beside.rename(own)
    shutil.rmtree(folder.artifacts, ignore_errors=True)  # they belong to what it was
    if donor.artifacts.is_dir():
        _copy_tree(donor.artifacts, folder.artifacts)
    append_line(folder.metrics, mark_return(step))
    with contextlib.suppress(OSError), folder.observed.open("ab") as lines:
        lines.write(donor.observed.read_bytes())  # what the donor used, it has used too


def running_cell(folder: VariantFolder) -> Mapping[str, Any] | None:
    """Return the cell of a variant that has run for a moment; None where none has."""
    try:
        cell = read_json(folder.cell)
    except (OSError, ValueError):
        return None
    return dict(cell) if fits(cell, _CELL) and cell.keys() == _CELL.keys() else None


def newest_snapshot(folder: VariantFolder) -> Snapshot | None:
    """Return the newest snapshot of a variant from which a loop goes on; None if there is none."""
    return next(_snapshots(folder), None)


def snapshot_after(folder: VariantFolder, step: int) -> Snapshot | None:
    """Return a variant's first snapshot, of those that there are, after it had reported a step.

    The variant may have gone on since; a donor is taken as it was when it was chosen.
    """
    found = None
    for snapshot in _snapshots(folder):
        if snapshot.step < step:
            break
        found = snapshot
    return found


def _snapshots(folder: VariantFolder) -> Iterator[Snapshot]:
    """Yield the whole snapshots from which a loop goes on, the newest first."""
    parent = folder.snapshots
    names = [path.name for path in parent.iterdir()] if parent.is_dir() else []
    for name in sorted((name for name in names if name[0] != "."), reverse=True):
        with contextlib.suppress(DamagedError):
            snapshot = read(parent / name)
            if snapshot.moment is Moment.START:
                yield snapshot


def add_history(folder: VariantFolder, **event: Any) -> None:
    """Note that something happened to a variant."""
    write_json(folder.history, [*history_of(folder), {"time": time.time(), **event}])


def changed_params(folder: VariantFolder) -> Mapping[str, Any]:
    """Return the parameters, by key, that were changed on the way."""
    changed: dict[str, Any] = {}
    for event in history_of(folder):
        changed |= event.get("params", {})
    return changed


def _has_progress(folder: VariantFolder) -> bool:
    return folder.snapshots.is_dir()


def _key(folder: VariantFolder) -> str | None:
    try:
        return str(read_json(folder.record)["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _parts(folder: VariantFolder) -> tuple[Path, ...]:
    """Return what a variant keeps beside its snapshots; the artifacts are from before them."""
    return folder.metrics, folder.media, folder.observed, folder.history, folder.artifacts


def _bring(source: VariantFolder, folder: VariantFolder) -> None:
    _copy_tree(source.snapshots, folder.snapshots)
    if source.work.is_dir():  # with copies, since the notebook goes on writing into it
        shutil.copytree(source.work, folder.work, symlinks=True)
    for there, here in zip(_parts(source), _parts(folder), strict=True):
        if there.is_dir():
            _copy_tree(there, here)
        elif there.exists():
            shutil.copy2(there, here)


def _discard(folder: VariantFolder) -> None:
    for path in (folder.snapshots, folder.work, *_parts(folder)):
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink()


def _copy_tree(source: Path, target: Path) -> None:
    whole = shutil.ignore_patterns(".*")  # not what was being written
    shutil.copytree(source, target, copy_function=link_or_copy, ignore=whole)
