"""What a notebook says of itself, read from its source without running it."""

from nbexp.source.changes import cell_changes
from nbexp.source.templates import Template, TemplateError, read_template, relative

__all__ = ["Template", "TemplateError", "cell_changes", "read_template", "relative"]
