"""The checks of the machine, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from nbexp.doctor.finding import Finding, Level
from nbexp.doctor.installed import (
    check_git,
    check_memory,
    check_packages,
    check_python,
    check_space,
)
from nbexp.doctor.services import check_kernels, check_mlflow, check_ray

Check = Callable[[], Iterator[Finding]]


def examine(root: Path, *, is_quick: bool) -> Iterator[Finding]:
    """Yield what the checks find, each as soon as it is known.

    Args:
        root: Folder of the pipeline.
        is_quick: Whether to start nothing.
    """
    for check in _checks(root, is_quick=is_quick):
        yield from _carefully(check)


def _checks(root: Path, *, is_quick: bool) -> list[Check]:
    return [
        check_python,
        check_packages,
        check_git,
        lambda: check_space(root),
        check_memory,
        lambda: check_kernels(is_quick=is_quick),
        lambda: check_ray(is_quick=is_quick),
        lambda: check_mlflow(root, is_quick=is_quick),
    ]


def _carefully(check: Check) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:  # whatever is broken here, the other checks go on
        message = f"{type(error).__name__}: {error}"
        yield Finding("check", Level.PROBLEM, message, "Reinstall nbexp with its packages.")
