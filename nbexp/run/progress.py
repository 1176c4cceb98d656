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

from nbexp.checkpoints.snapshots import SNAPSHOTS, DamagedError, Moment, Snapshot, read
from nbexp.execute.cwd import WORK
from nbexp.execute.job import OBSERVED
from nbexp.files import append_line, link_or_copy, read_json, write_json
from nbexp.metrics import MEDIA, METRICS, mark_return
from nbexp.records import Name, fits

PAUSE = "pause"  # a file that asks the notebook to pause
_HISTORY = "history.json"
_PAST = {
    "time": float, "event": str, "donor": Name, "step": int | None, "reason": str,
    "params": dict[str, Any],
}  # fmt: skip
_ARTIFACTS = "artifacts"  # what it saved in the loop before its snapshot
_KEPT = (METRICS, MEDIA, OBSERVED, _HISTORY, _ARTIFACTS)


def adopt_progress(
    folder: Path, key: str, runs: Iterable[Path], is_current: Callable[[Path], bool]
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
        source = run / "variants" / folder.name
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


def exploit_progress(folder: Path, donor: Path, snapshot: str, step: int) -> None:
    """Put a donor's snapshot in the place of a variant's own.

    Args:
        folder: The variant's folder.
        donor: The donor's folder.
        snapshot: Name of the snapshot.
        step: The donor's step, after which the variant goes on.
    """
    own = folder / SNAPSHOTS
    beside = folder / f".{SNAPSHOTS}"
    shutil.rmtree(beside, ignore_errors=True)
    _copy_tree(donor / SNAPSHOTS / snapshot, beside / snapshot)
    shutil.rmtree(own, ignore_errors=True)
    beside.rename(own)
    shutil.rmtree(folder / _ARTIFACTS, ignore_errors=True)  # they belong to what it was
    if (donor / _ARTIFACTS).is_dir():
        _copy_tree(donor / _ARTIFACTS, folder / _ARTIFACTS)
    append_line(folder / METRICS, mark_return(step))
    with contextlib.suppress(OSError), (folder / OBSERVED).open("ab") as lines:
        lines.write((donor / OBSERVED).read_bytes())  # what the donor used, it has used too


def newest_snapshot(folder: Path) -> Snapshot | None:
    """Return the newest snapshot of a variant from which a loop goes on; None if there is none."""
    return next(_snapshots(folder), None)


def snapshot_after(folder: Path, step: int) -> Snapshot | None:
    """Return a variant's first snapshot, of those that there are, after it had reported a step.

    The variant may have gone on since; a donor is taken as it was when it was chosen.
    """
    found = None
    for snapshot in _snapshots(folder):
        if snapshot.step < step:
            break
        found = snapshot
    return found


def _snapshots(folder: Path) -> Iterator[Snapshot]:
    """Yield the whole snapshots from which a loop goes on, the newest first."""
    parent = folder / SNAPSHOTS
    names = [path.name for path in parent.iterdir()] if parent.is_dir() else []
    for name in sorted((name for name in names if name[0] != "."), reverse=True):
        with contextlib.suppress(DamagedError):
            snapshot = read(parent / name)
            if snapshot.moment is Moment.START:
                yield snapshot


def history_of(folder: Path) -> list[dict[str, Any]]:
    """Return what happened to a variant on its way, oldest first."""
    try:
        history = read_json(folder / _HISTORY)
    except (OSError, ValueError):
        return []
    events = history if isinstance(history, list) else []
    return [dict(each) for each in events if fits(each, _PAST) and _is_whole(each)]


def _is_whole(event: Mapping[str, Any]) -> bool:
    needed = {"time", "event"} | ({"donor", "step"} if event.get("event") == "exploited" else set())
    return needed <= event.keys()


def add_history(folder: Path, **event: Any) -> None:
    """Note that something happened to a variant."""
    write_json(folder / _HISTORY, [*history_of(folder), {"time": time.time(), **event}])


def changed_params(folder: Path) -> Mapping[str, Any]:
    """Return the parameters, by key, that were changed on the way."""
    changed: dict[str, Any] = {}
    for event in history_of(folder):
        changed |= event.get("params", {})
    return changed


def _has_progress(folder: Path) -> bool:
    return (folder / SNAPSHOTS).is_dir()


def _key(folder: Path) -> str | None:
    try:
        return str(read_json(folder / "variant.json")["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _bring(source: Path, folder: Path) -> None:
    _copy_tree(source / SNAPSHOTS, folder / SNAPSHOTS)
    if (source / WORK).is_dir():  # with copies, since the notebook goes on writing into it
        shutil.copytree(source / WORK, folder / WORK, symlinks=True)
    for name in _KEPT:
        if (source / name).is_dir():
            _copy_tree(source / name, folder / name)
        elif (source / name).exists():
            shutil.copy2(source / name, folder / name)


def _discard(folder: Path) -> None:
    for name in (SNAPSHOTS, WORK, *_KEPT):
        shutil.rmtree(folder / name, ignore_errors=True)
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def _copy_tree(source: Path, target: Path) -> None:
    whole = shutil.ignore_patterns(".*")  # not what was being written
    shutil.copytree(source, target, copy_function=link_or_copy, ignore=whole)
