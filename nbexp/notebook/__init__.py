"""What a notebook calls; each works by hand in Jupyter too.

Values and files: `glue`, `save` and `load`. While it runs: `log`, `loop` and `checkpoint`.
Of variants that have run: `curves` and `importance`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbexp.notebook.checkpointing import checkpoint
    from nbexp.notebook.gluing import glue
    from nbexp.notebook.importance_table import importance
    from nbexp.notebook.logged import curves
    from nbexp.notebook.looping import loop
    from nbexp.notebook.reporting import log
    from nbexp.notebook.saving import load, save

__all__ = ["checkpoint", "curves", "glue", "importance", "load", "log", "loop", "save"]

_PLACES = {
    "checkpoint": "checkpointing",
    "curves": "logged",
    "glue": "gluing",
    "importance": "importance_table",
    "load": "saving",
    "log": "reporting",
    "loop": "looping",
    "save": "saving",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: every kernel of a run starts through `hooks`."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
