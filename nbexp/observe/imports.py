"""A finder of modules that waits for the imports of some, to change them once they are there.

It needs nothing but Python's standard library.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class ImportWatch(ABC):
    """Stands first among the finders; what it finds is found by the others.

    Args:
        names: Dotted names of the modules.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    @abstractmethod
    def apply(self, module: ModuleType) -> None:
        """Change a module that has just been imported."""

    def begin(self) -> None:
        """Wait from now on."""
        sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Wait no longer."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a module's spec, with a loader that has it changed after its import."""
        if name not in self._names:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (f.find_spec(name, path, target) for f in others if hasattr(f, "find_spec"))
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            self._apply_after(spec.loader)
        return spec

    def _apply_after(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self.apply(module)

        try:
            loader.exec_module = exec_module  # of this one module's own loader
        except AttributeError:  # one of C's: the module stays as it is
            return
