"""A notebook as HTML that is safe to show, whatever is in it; of runs it knows nothing."""

from nbexp.render.notebooks import RenderedNotebook, render_notebook
from nbexp.render.sandbox import LIBRARIES, library_source

__all__ = ["LIBRARIES", "RenderedNotebook", "library_source", "render_notebook"]
