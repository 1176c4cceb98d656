"""Execution of one notebook: papermill, an engine and a kernel of its own."""

from nbexp.execute.executor import NotebookExecutor
from nbexp.execute.fork_servers import HeldForkServer, hold_fork_server
from nbexp.execute.job import Job, MetricReport
from nbexp.runs.outcome import CellError, Outcome

__all__ = [
    "CellError",
    "HeldForkServer",
    "Job",
    "MetricReport",
    "NotebookExecutor",
    "Outcome",
    "hold_fork_server",
]
