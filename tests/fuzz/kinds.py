"""The kinds of cases; a line each."""

from __future__ import annotations

from fuzz._base import Kind
from fuzz.artifacts import Artifacts
from fuzz.command_lines import CommandLines
from fuzz.executions import Executions
from fuzz.notebooks import Notebooks
from fuzz.pipelines import Pipelines
from fuzz.processes import Processes
from fuzz.requests import Requests
from fuzz.results import Results
from fuzz.runs import Runs
from fuzz.settings import Settings
from fuzz.snapshots import Snapshots

KINDS: dict[str, type[Kind]] = {
    "artifacts": Artifacts,
    "command-lines": CommandLines,
    "executions": Executions,
    "notebooks": Notebooks,
    "pipelines": Pipelines,
    "processes": Processes,
    "requests": Requests,
    "results": Results,
    "runs": Runs,
    "settings": Settings,
    "snapshots": Snapshots,
}
