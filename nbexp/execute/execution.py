"""One execution: what the engine is given, what it finds out, and how it is asked to end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nbexp.execute.decision_channel import Desk
from nbexp.execute.guard import Guard
from nbexp.execute.job import Job
from nbexp.execute.observing import Observer, OpenFiles
from nbexp.execute.recorder import Recorder
from nbexp.runs.outcome import CellError
from nbexp.states import State

_INJECTED = "injected-parameters"


class Ending:
    """A request, from any thread or from the clock, that the running job end.

    Attributes:
        reason: The state in which it is to end, or None while nobody asked.
    """

    def __init__(self) -> None:
        self.reason: State | None = None
        self._lock = threading.Lock()
        self._wake: Callable[[], object] | None = None

    def request(self, reason: State) -> None:
        """Ask for the end; only the first request counts."""
        with self._lock:
            if self.reason is None:
                self.reason = reason
            if self._wake is not None:
                self._wake()

    async def requested(self) -> None:
        """Return once the end was requested."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._wake = lambda: loop.call_soon_threadsafe(event.set)
            if self.reason is not None:
                event.set()
        try:
            await event.wait()
        finally:
            with self._lock:
                self._wake = None


class NotebookKernel(Protocol):
    """What the engine asks of a kernel, be it a process of its own or not.

    Attributes:
        is_python: Whether its language is Python.
        is_ipykernel: Whether it is IPython's, which sends whatever it or its children print.
        manager: The manager of its process, if it has one.
        client: The client that is connected to it, once it has started.
        info: Its reply to a request for its info: language and version.
        reports: The address for the notebook's reports.
        launched: Time (`time.monotonic`) since which it is there.
        usage: What it had used when it was asked to end, as in an `Outcome`.
    """

    is_python: bool
    is_ipykernel: bool
    manager: Any
    client: Any
    info: dict[str, Any]
    reports: Any
    launched: float
    usage: dict[str, float]

    async def start(self, *, folder: Path, environment: Mapping[str, str]) -> None:
        """Start in a folder, and return once it answers."""

    async def until_dead(self) -> None:
        """Return once it has ended."""

    async def interrupt(self) -> None:
        """Interrupt what runs."""

    def kill(self) -> None:
        """End it at once, as far as that can be."""

    async def end(self, grace_s: float) -> None:
        """Ask it to shut down, end what is left after a while, and clean up."""

    def output(self) -> str:
        """Return the end of what it wrote outside of its messages."""

    def death(self) -> Exception:
        """Return the error that says how it ended."""


@dataclass
class Execution:
    """What the engine is given for one notebook, and what it finds out.

    Attributes:
        job: The notebook and its parameters.
        recorder: Where the log and the notebook are written.
        ending: Says when the job is to end early.
        guard: Ends the kernel if this process is killed.
        desk: Where it waits for answers to its reports.
        open_kernel: Makes the kernel of a name; None for one that is a process of its own.
        deadline: Time of the event loop's clock (`time.monotonic`) at which it is ended.
        notebook: The executed notebook.
        numbers: Numbers of the template's cells, from 1, by their ids.
        count: Number of the template's cells.
        cells: Number of code cells that ran to their end.
        error: Why it did not finish.
        ended_by: State in which it ended before its last cell, where that was asked for.
        note: A remark for the user.
        timings: Seconds that its parts took, as in an `Outcome`.
        usage: What the kernel's process used, as in an `Outcome`.
        open_files: What a kernel of another language than Python had open.
        observer: Looks at what the notebook uses, unless that is switched off.
    """

    job: Job
    recorder: Recorder
    ending: Ending
    guard: Guard
    desk: Desk
    open_kernel: Callable[[Job, str], NotebookKernel] | None = None
    deadline: float | None = None
    notebook: Any = None
    numbers: dict[str, int] = field(default_factory=dict)
    count: int = 0
    cells: int = 0
    error: CellError | None = None
    ended_by: State | None = None
    note: str = ""
    timings: dict[str, float] = field(default_factory=dict)
    usage: dict[str, float] = field(default_factory=dict)
    open_files: OpenFiles = field(default_factory=OpenFiles)
    observer: Observer | None = field(init=False)

    def __post_init__(self) -> None:
        self.observer = Observer(self.job, self.recorder.mask) if self.job.observe else None

    def read(self, template: Any) -> None:
        """Take the notebook that is going to be executed, whose cells its author counts."""
        self.notebook = template
        self.count = len(template.cells)
        self.numbers = {}
        for number, cell in enumerate(template.cells, 1):
            self.numbers[cell.id] = number
            if _is_injected(cell):  # papermill puts one with another id in its place
                self.numbers.setdefault(_INJECTED, number)

    def number_of(self, cell: Any) -> int | None:
        """Return the number of a cell in the template; None for one that was put in."""
        by_tag = self.numbers.get(_INJECTED) if _is_injected(cell) else None
        return self.numbers.get(cell.id, by_tag)

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the time that something takes to a part's."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.timings[part] = self.timings.get(part, 0.0) + time.monotonic() - began


def _is_injected(cell: Any) -> bool:
    return _INJECTED in cell.metadata.get("tags", ())
