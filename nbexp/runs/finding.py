"""Finds runs beside a pipeline, and variants in them, by what a user calls them."""

from __future__ import annotations

from pathlib import Path

from nbexp.errors import UsageError, did_you_mean
from nbexp.runs.folder import RUNS, RunFolder
from nbexp.runs.history import RunHistory, VariantHistory


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
