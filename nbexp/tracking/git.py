"""The state of the code, as git knows it."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git_tags(folder: Path) -> dict[str, str]:
    """Return tags for the commit that a folder is at, and whether its files differ from it.

    Returns:
        ``mlflow.source.git.commit`` and ``nbexp.git_dirty``; empty outside of a repository.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    is_dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    return {"mlflow.source.git.commit": commit, "nbexp.git_dirty": str(is_dirty).lower()}


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
