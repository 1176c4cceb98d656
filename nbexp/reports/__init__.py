"""Reports: runs, their notebooks and comparisons as static pages."""

from nbexp.reports.writing import Report, write_report

__all__ = ["Report", "write_report"]
