"""Why a notebook ended, in words for its author."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbformat.v4 import new_output

from nbexp.execute.decision_channel import ENDING
from nbexp.execute.job import Job
from nbexp.execute.kernel import KernelDiedError, signal_name
from nbexp.execute.tracebacks import Cell, Traceback
from nbexp.masks import Mask
from nbexp.runs.outcome import CellError, place_of
from nbexp.states import State

_SOURCE_LINES = 5
_NO_NAME = (None, "", "NoneType")  # what ipykernel names an error by that a display hook met
_TRACEBACK_LINES = 12
_GROUP = re.compile(r"^ +\+ Exception Group Traceback.*", re.MULTILINE | re.DOTALL)
_TEMPORARY = re.compile(r" \(\d+\.py, line (\d+)\)$")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")

_CAUSES: dict[int, str] = {
    signal.SIGKILL: (
        "often it is out of memory; use less of it in this cell, or give the stage more "
        '(resources = { memory = "8GiB" })'
    ),
    signal.SIGSEGV: "compiled code crashed; the end of its output, if any, says where",
    signal.SIGBUS: "compiled code crashed, or a disk or shared memory is full",
    signal.SIGABRT: "compiled code gave up; the end of its output, if any, says why",
    signal.SIGTERM: "somebody asked it to end, or the machine shuts down",
}


def plain(text: str) -> str:
    """Return a text without the control sequences of terminals."""
    return _ANSI.sub("", text)


def told(reply: dict[str, Any], outputs: Sequence[Any]) -> dict[str, Any]:
    """Return a kernel's reply, with the error that the cell shows where only its outputs have it.

    That is so where an object can't be displayed, and where a magic runs code by itself.
    """
    shown = next((output for output in outputs if output.output_type == "error"), None)
    is_told = reply["status"] == "error" and reply.get("ename") not in _NO_NAME
    if shown is None or is_told:
        return reply
    error = {key: shown.get(key) for key in ("ename", "evalue", "traceback")}
    return {**reply, **error, "status": "error"}


def cell_failed(
    reply: dict[str, Any],
    cells: Sequence[Any],
    number_of: Callable[[Any], int | None],
    project: Path,
    mask: Mask,
) -> CellError:
    """Return the error of a cell.

    Args:
        reply: The kernel's reply to it.
        cells: The notebook's cells up to this one.
        number_of: Gives the number of a cell in the template; None for one that was put in.
        project: The folder of the user's files.
        mask: Hides secrets; a quoted line may hold no more than a part of one.
    """
    name = reply.get("ename") or "CellError"
    text = mask.text(_traceback(reply, cells))
    traceback = Traceback(text, name, list(_code_cells(cells, number_of, mask)), project)
    quote = traceback.quote()
    return CellError(
        name=name,
        message=_TEMPORARY.sub(r" (line \1)", plain(str(reply.get("evalue", "")))),
        cell=len(cells),
        source=quote or first_lines(mask.text(cells[-1].source)),
        traceback=_last_lines(traceback.rest() if quote else text),
    )


def placed(error: CellError, job: Job, number: int | None) -> CellError:
    """Return an error with the cell of the template to which it leads.

    Args:
        error: The error of a cell.
        job: The notebook's.
        number: The number of the cell in the template; None for one that was put in.
    """
    folder = job.project or job.template.parent
    template = Path(os.path.relpath(job.template, folder)).as_posix()
    return replace(error, template=template, template_cell=number)


def kernel_died(death: KernelDiedError, number: int | None, source: str) -> CellError:
    """Return the error for a kernel that ended by itself, or never got ready."""
    return CellError(
        name="KernelDied" if death.started else "KernelDidNotStart",
        message=_death_message(death),
        cell=number,
        source=first_lines(source),
        traceback=_last_lines(death.output),
    )


def ended(reason: State, timeout_s: float | None, number: int | None, source: str) -> CellError:
    """Return the error for a notebook that was stopped, or ran out of time."""
    if reason is State.TIMED_OUT:
        name = "TimedOut"
        message = f"the notebook ran longer than its {timeout_s:g} s; raise its timeout if it may"
    else:
        name, message = "Stopped", "it was stopped on request"
    return CellError(name=name, message=message, cell=number, source=first_lines(source))


def tell_ending(cell: Any, text: str) -> None:
    """Put a sentence in the place of the error with which a stopped or paused cell ended."""
    kept = [output for output in cell.outputs if output.output_type != "error"]
    told = new_output(
        "display_data",
        data={"text/plain": text, "text/markdown": f"**{text}**"},
        metadata={ENDING: True},
    )
    cell.outputs = [*kept, told]


def first_lines(source: str) -> str:
    """Return the first lines of a cell's source."""
    return "\n".join(source.strip().splitlines()[:_SOURCE_LINES])


def quoted(error: CellError) -> str:
    """Return where a cell failed, for the end of its log."""
    lines = error.traceback.splitlines()
    return "\n".join([f"--- failed in {place_of(vars(error))} ---", error.source, *lines])


def _traceback(reply: dict[str, Any], cells: Sequence[Any]) -> str:
    """Return the traceback of a cell; IPython writes that of a group to the error stream."""
    written = "".join(o.text for o in cells[-1].get("outputs", []) if o.get("name") == "stderr")
    group = _GROUP.search(plain(written)) if "Group" in str(reply.get("ename")) else None
    return group[0] if group else plain("\n".join(reply.get("traceback") or []))


def _code_cells(
    cells: Sequence[Any], number_of: Callable[[Any], int | None], mask: Mask
) -> Iterator[Cell]:
    for cell in cells:
        if cell.cell_type == "code":
            yield Cell(number_of(cell), cell.get("execution_count"), mask.text(cell.source))


def _last_lines(text: str) -> str:
    return "\n".join(plain(text).splitlines()[-_TRACEBACK_LINES:])


def _death_message(death: KernelDiedError) -> str:
    message = f"the kernel {_exit(death.exit_code, started=death.started)}"
    if death.output:
        message += f"\nThe end of its output:\n{_last_lines(death.output)}"
    return message


def _exit(code: int | None, *, started: bool) -> str:
    before = "" if started else " before it was ready"
    if code is None:
        return "gave no answer; start it by hand in JupyterLab to see why"
    if code < 0:
        cause = _CAUSES.get(-code, "nothing more is known")
        return f"was killed by signal {-code} ({signal_name(-code)}){before}: {cause}"
    if not started:
        return f"ended with exit code {code}{before}: check the kernel's installation"
    return (
        f"ended with exit code {code}: something in the cell ended the process, "
        "such as os._exit or a library; run the cell by hand in JupyterLab to see what"
    )
