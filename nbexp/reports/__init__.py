"""Reports: runs, their notebooks and comparisons as static pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbexp.reports.writing import Report, write_report

__all__ = ["Report", "write_report"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # the pages take time to import, which a table of a run does without
        from nbexp.reports import writing

        return getattr(writing, name)
    raise AttributeError(f"module 'nbexp.reports' has no attribute {name!r}")
