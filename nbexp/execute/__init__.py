"""Execution of one notebook: papermill, an engine and a kernel of its own."""

from nbexp.execute.executor import NotebookExecutor
from nbexp.execute.job import CellError, Job, Outcome, Report
from nbexp.execute.parents import HeldParent, hold_parent

__all__ = [
    "CellError",
    "HeldParent",
    "Job",
    "NotebookExecutor",
    "Outcome",
    "Report",
    "hold_parent",
]
