"""Finds runs beside a pipeline, and variants in them, by what a user calls them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nbexp.errors import UsageError, did_you_mean
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import RunHistory, VariantHistory, read_history
from nbexp.runs.variant_folder import RUNS
from nbexp.states import State


def list_runs(root: Path) -> list[RunFolder]:
    """Return the runs beside a pipeline, oldest first.

    Args:
        root: Folder of the pipeline, or of its runs.
    """
    folder = root if root.name == RUNS else root / RUNS
    found = folder.iterdir() if folder.is_dir() else []
    is_run = (path for path in found if not path.name.startswith(".") and path.is_dir())
    runs = [run for run in map(RunFolder, is_run) if run.exists]
    return sorted(runs, key=_began)


def _began(run: RunFolder) -> tuple[int, str]:
    return (run.lock.stat().st_mtime_ns, run.id)


def find_run(root: Path, name: str | None = None) -> RunFolder:
    """Return a run by its name, the beginning or end of it, or its path; by default the last.

    Raises:
        UsageError: There is none, or several.
    """
    if name and RunFolder(Path(name)).exists:
        return RunFolder(Path(name).absolute())
    runs = list_runs(root)
    if not runs:
        raise UsageError(
            f"There are no runs in {root / RUNS} yet. "
            "Start one with nbexp run, or name the pipeline's folder with -C."
        )
    if name is None or name == "last":
        return runs[-1]
    exact = [run for run in runs if run.id == name]
    found = exact or [run for run in runs if run.id.startswith(name) or run.id.endswith(name)]
    if len(found) == 1:
        return found[0]
    names = [run.id for run in (found or runs)]
    if found:
        raise UsageError(
            f"{name!r} may be any of these runs: {', '.join(names)}. Write more of it."
        )
    raise UsageError(f"There is no run {name!r}. {did_you_mean(name, names[-20:])}")


def find_variant(history: RunHistory, name: str) -> VariantHistory:
    """Return a variant of a run by its name or the beginning of it.

    Raises:
        UsageError: There is none, or several.
    """
    known = list(history.variants)
    found = [n for n in known if n == name] or [n for n in known if n.startswith(name)]
    if len(found) == 1:
        return history.variants[found[0]]
    if found:
        some = ", ".join(found[:10])
        table = f" `nbexp table {name}` compares them." if name in history.stages else ""
        raise UsageError(f"{name!r} may be any of these variants: {some}. Write more of it.{table}")
    near = did_you_mean(name, [*history.stages, *known])
    raise UsageError(f"The run {history.id} has no variant {name!r}. {near}")


def variants_of(history: RunHistory, name: str) -> list[VariantHistory]:
    """Return the variants of a stage, or the one of that name or the beginning of it.

    Raises:
        UsageError: There is no such stage or variant, or several variants.
    """
    return history.of_stage(name) if name in history.stages else [find_variant(history, name)]


@dataclass(frozen=True)
class Found:
    """A run, and perhaps one of its variants.

    Attributes:
        folder: The run's folder.
        history: What is known of it.
        variant: The variant, where one was named.
    """

    folder: RunFolder
    history: RunHistory
    variant: VariantHistory | None = None


def find(root: Path, run: str | None, variant: str | None) -> Found:
    """Return what was named; a name that is no run's may be a variant of the last run.

    Raises:
        UsageError: There is no such thing, or several.
    """
    try:
        folder = find_run(root, run)
    except UsageError:
        if run is None or variant is not None:
            raise
        return _in_last_run(root, run)
    history = read_history(folder)
    return Found(folder, history, find_variant(history, variant) if variant else None)


def find_stage(root: Path, name: str | None) -> tuple[RunFolder, str | None]:
    """Return a run by its name; or the last one, and its stage of that name.

    Raises:
        UsageError: There is neither such a run nor such a stage, or there are several runs.
    """
    try:
        return find_run(root, name), None
    except UsageError:
        last = find_run(root)
        if name not in read_history(last).stages:
            raise
        return last, name


def find_alive(root: Path, run: str | None, verb: str) -> Found:
    """Return a run that goes on, by default the only one; or a variant that was named alone.

    Args:
        root: Folder of the pipeline.
        run: What was named, if anything.
        verb: What is to be done with it, such as ``stop``; for messages.

    Raises:
        UsageError: There is no such run, or several, or it has ended.
    """
    if run is None:
        run = _only_alive(root, verb).id
    found = find(root, run, None)
    if not found.folder.is_alive():
        state = found.history.state or State.STOPPED
        raise UsageError(f"{found.folder.id} has ended ({state}); there is nothing to {verb}.")
    return found


def _only_alive(root: Path, verb: str) -> RunFolder:
    alive = [folder for folder in list_runs(root) if folder.is_alive()]
    if not alive:
        raise UsageError(f"No run goes on here; there is nothing to {verb}.")
    if len(alive) > 1:
        names = ", ".join(folder.id for folder in alive)
        raise UsageError(f"Several runs go on: {names}. Name the one to {verb}.")
    return alive[0]


def _in_last_run(root: Path, name: str) -> Found:
    """Return a variant of the last run, or what its name may have been meant for."""
    folder = find_run(root)
    history = read_history(folder)
    try:
        return Found(folder, history, find_variant(history, name))
    except UsageError as error:
        if any(each.startswith(name) for each in history.variants):
            raise
        runs = [each.id for each in list_runs(root)]
        near = did_you_mean(name, [*history.stages, *history.variants, *runs])
        raise UsageError(f"There is no run, variant or stage {name!r}. {near}") from error
