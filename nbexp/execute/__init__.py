"""Execution of one notebook: papermill, an engine and a kernel of its own."""

from nbexp.execute.executor import NotebookExecutor
from nbexp.execute.fork_servers import HeldForkServer, hold_fork_server
from nbexp.execute.job import Job, MetricReport
from nbexp.execute.specs import check_inline_kernel
from nbexp.runs.outcome import CellError, Outcome

__all__ = [
    "CellError",
    "HeldForkServer",
    "Job",
    "MetricReport",
    "NotebookExecutor",
    "Outcome",
    "check_inline_kernel",
    "hold_fork_server",
]
