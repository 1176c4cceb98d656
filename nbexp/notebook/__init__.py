"""What a notebook calls: `glue`, `save` and `load`; each works by hand in Jupyter too."""

from nbexp.notebook.gluing import glue
from nbexp.notebook.saving import load, save

__all__ = ["glue", "load", "save"]
