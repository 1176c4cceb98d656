"""Execution of one notebook: papermill, an engine and a kernel of its own."""

from nbexp.execute.executor import NotebookExecutor
from nbexp.execute.job import CellError, Job, Outcome

__all__ = ["CellError", "Job", "NotebookExecutor", "Outcome"]
