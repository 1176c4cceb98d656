"""What a notebook calls: `glue`, `save` and `load`; each works by hand in Jupyter too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbexp.notebook.gluing import glue
    from nbexp.notebook.saving import load, save

__all__ = ["glue", "load", "save"]

_PLACES = {"glue": "gluing", "load": "saving", "save": "saving"}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: every kernel of a run starts through `hooks`."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
