"""Execution of one notebook: papermill, an engine and a kernel of its own."""

from nbexp.execute.executor import NotebookExecutor
from nbexp.execute.job import Answer, CellError, Job, Outcome, Report

__all__ = ["Answer", "CellError", "Job", "NotebookExecutor", "Outcome", "Report"]
