"""Finds the run and the variant that a command names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nbexp.errors import UsageError
from nbexp.run import (
    RunFolder,
    RunHistory,
    VariantHistory,
    find_run,
    find_variant,
    read_history,
)


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
        found = _in_last_run(root, run) if run and variant is None else None
        if found is None:
            raise
        return found
    history = read_history(folder)
    return Found(folder, history, find_variant(history, variant) if variant else None)


def _in_last_run(root: Path, variant: str) -> Found | None:
    try:
        folder = find_run(root)
        history = read_history(folder)
        return Found(folder, history, find_variant(history, variant))
    except UsageError:
        return None
