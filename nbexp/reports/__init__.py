"""Reports: runs, their notebooks and comparisons as static pages."""

from nbexp.reports.site import Report, write_report

__all__ = ["Report", "write_report"]
