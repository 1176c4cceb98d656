"""Tells whether what a notebook was seen to use is still the same."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbexp.observe.names import value_digest
from nbexp.observe.states import Files, State
from nbexp.runs.variant_folder import is_manifest


class Check:
    """Compares what was recorded with what is there now; each path is looked at once.

    It is for one moment, such as a look at what is ready: what is found is not looked at again.

    Args:
        project: Folder of the pipeline.
        variables: The environment that a kernel would have.
        files: Looks at files; it may be shared by all checks.
    """

    def __init__(self, project: Path, variables: Mapping[str, str], files: Files) -> None:
        self._project = os.path.realpath(project)
        self._variables = variables
        self._files = files
        self._known: dict[Any, bool] = {}

    def is_same(self, observed: Mapping[str, Any]) -> bool:
        """Whether all that was observed is still the same; what was not observed is."""
        return next(self.changes(observed), None) is None

    def changes(self, observed: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is no longer the same, one sentence each."""
        before = str(observed.get("project", self._project))
        for name, state in observed.get("inputs", {}).items():
            # Records of versions before have manifests among their inputs.
            paths = self._paths(name, before)
            if not is_manifest(paths[0]) and not self._is_same_input(paths, state):
                yield _change(name, state, paths)
        for name, digest in observed.get("variables", {}).items():
            now = value_digest(self._variables.get(name))
            if now != digest:
                what = "is no longer set" if now is None else "changed" if digest else "is set now"
                yield f"environment variable {name}, which it reads, {what}"

    def _is_same_input(self, paths: list[str], state: State) -> bool:
        return all(self._is_same_path(path, state) for path in paths)

    def _is_same_path(self, path: str, state: State) -> bool:
        key = (path, *state.items())
        if key not in self._known:
            self._known[key] = self._files.is_same(path, state)
        return self._known[key]

    def _paths(self, name: str, before: str) -> list[str]:
        """Return where an input may lie now.

        One outside of a project that was moved may have been moved along, and then be read by a
        relative path, or not, and be read by an absolute one; where both are there, both count.
        """
        if not os.path.isabs(name):
            return [os.path.normpath(os.path.join(self._project, name))]
        if before == self._project:
            return [name]
        moved = os.path.normpath(os.path.join(self._project, os.path.relpath(name, before)))
        there = [path for path in (moved, name) if os.path.lexists(path)]
        return there or [name]


def _change(name: str, state: State, paths: list[str]) -> str:
    what = "module" if name.endswith(".py") else "file"
    is_there = any(map(os.path.exists, paths))
    if state["kind"] == "pattern":
        return f"what {name} finds is no longer the same"
    if state["kind"] == "folder" and is_there:
        return f"the names in folder {name} are no longer the same"
    if state["kind"] == "":
        return f"{what} {name}, which was not there, is there now"
    if not is_there:
        return f"{state['kind']} {name} is gone"
    if state.get("is_changing"):
        return f"{what} {name} changed while the notebook ran"
    return f"the content of {what} {name} changed"
