"""Why a notebook ended, in words for its author."""

from __future__ import annotations

import re
import signal
from typing import Any

from nbformat.v4 import new_output

from nbexp.execute.job import CellError
from nbexp.execute.kernel import KernelDiedError, signal_name
from nbexp.execute.steering import ENDING
from nbexp.states import State

_SOURCE_LINES = 5
_TRACEBACK_LINES = 12
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


def cell_failed(reply: dict[str, Any], number: int, source: str) -> CellError:
    """Return the error of a cell, from the kernel's reply to it."""
    return CellError(
        name=reply.get("ename") or "CellError",
        message=plain(str(reply.get("evalue", ""))),
        cell=number,
        source=first_lines(source),
        traceback=_last_lines("\n".join(reply.get("traceback") or [])),
    )


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
