"""Runs, for whoever looks at them or steers them: terminal, Python, reports, server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbexp.errors import UsageError
from nbexp.runs.additions import refuse_if_open
from nbexp.runs.control import Reply, Request, await_reply, send
from nbexp.runs.events import Event
from nbexp.runs.finding import find_alive, find_run, find_variant, list_runs
from nbexp.runs.folder import EventReader, RunFolder
from nbexp.runs.history import HistoryReader, RunHistory
from nbexp.runs.results import RunResult, VariantResult
from nbexp.states import State

_LOOK_S = 0.2
_PATIENCE_S = 30.0  # a driver that starts Ray answers once that is done


class Runs:
    """The runs of a pipeline, oldest first.

    Args:
        project: Folder of the pipeline, or of its runs; the current one by default.

    Example:
        >>> runs = Runs("notebooks/digits")
        >>> run = runs.find("last")  # doctest: +SKIP
        >>> run.variants["train-3f"].metric  # doctest: +SKIP
        0.97
    """

    def __init__(self, project: str | Path = ".") -> None:
        self.project = Path(project)

    def __iter__(self) -> Iterator[Run]:
        yield from map(Run, list_runs(self.project))

    def find(self, name: str | None = "last") -> Run:
        """Return a run by its name, the beginning or end of it, or its path; or the last.

        Raises:
            UsageError: There is none, or several.
        """
        return Run(find_run(self.project, name))

    def find_alive(self, name: str | None = None, verb: str = "steer") -> Run:
        """Return a run that goes on; the only one by default.

        Args:
            name: As for `find`.
            verb: What is to be done with it, such as ``stop``; for messages.

        Raises:
            UsageError: There is no such run, or several, or it has ended.
        """
        found = find_alive(self.project, name, verb)
        if found.variant is not None:
            raise UsageError(f"{found.variant.name} is a variant; name a run to {verb}.")
        return Run(found.folder)


class Run:
    """A run: what it came to so far, what happens in it, and requests to it.

    Each look at it reads what is new.

    Args:
        folder: Its folder.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._reader = HistoryReader(folder)

    @property
    def id(self) -> str:
        """Its name."""
        return self.folder.id

    @property
    def is_alive(self) -> bool:
        """Whether a process works on it."""
        return self.folder.is_alive()

    @property
    def history(self) -> RunHistory:
        """What its events tell so far."""
        return self._reader.read()

    @property
    def state(self) -> State:
        """`State.RUNNING` or `PAUSED`; once it has ended `FINISHED`, `FAILED` or `STOPPED`."""
        return self.result.state

    @property
    def duration_s(self) -> float | None:
        """Seconds that it took, or has taken so far; None where it was cut off."""
        return self.result.duration_s

    @property
    def result(self) -> RunResult:
        """What it came to so far, as `Pipeline.run` returns it."""
        return RunResult(self.folder.path, self.history)

    @property
    def variants(self) -> Variants:
        """Its variants, in order."""
        return Variants(self.result)

    def follow(self, *, every_s: float = _LOOK_S) -> Iterator[Event]:
        """Yield what has happened, and what happens, until the run has ended.

        Args:
            every_s: Seconds between two looks.
        """
        events = EventReader(self.folder.events, [])
        while True:
            is_alive = self.is_alive  # asked first: its last event comes before its end
            yield from events.take()
            if not is_alive:
                return
            time.sleep(every_s)

    def stop(self, variant: str | None = None) -> Reply:
        """Ask it to stop, or to stop one variant; what has been done is kept.

        Args:
            variant: Name of the variant, or the beginning of it.

        Raises:
            UsageError: There is no such variant.
        """
        name = find_variant(self.history, variant).name if variant else None
        return self.ask(Request("stop", variant=name))

    def pause(self) -> Reply:
        """Ask it to pause: nothing more starts, and what runs pauses at its next snapshot."""
        return self.ask(Request("pause"))

    def go_on(self) -> Reply:
        """Ask it to go on after a pause."""
        return self.ask(Request("continue"))

    def add(
        self, stage: str, *, samples: int | None = None, params: Mapping[str, Any] | None = None
    ) -> Reply:
        """Ask it for more variants of a stage.

        Args:
            stage: Name of the stage.
            samples: How many draws or suggestions more for each grid point.
            params: Values for parameters of the variants to add, plain ones; `read_settings` of
                `nbexp.runs.additions` reads them from ``PARAM=VALUE``.

        Raises:
            UsageError: A value is a link, a secret or a search space.
        """
        for name, value in (params or {}).items():
            refuse_if_open(name, value)
        return self.ask(Request("add", stage=stage, samples=samples, params=params or {}))

    def await_end(
        self, variant: str | None = None, *, timeout_s: float, every_s: float = _LOOK_S
    ) -> RunHistory | None:
        """Return what is known once it, or one of its variants, has ended; None if not in time.

        Args:
            variant: Name of the variant.
            timeout_s: Seconds after which it is no longer waited for.
            every_s: Seconds between two looks.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            history = self.history
            is_over = variant is not None and history.variants[variant].state.is_final
            if is_over or history.state is not None:
                return history
            time.sleep(every_s)
        return None

    def ask(self, request: Request, *, timeout_s: float = _PATIENCE_S) -> Reply:
        """Lay a request before the run, and return its answer.

        Args:
            request: The request.
            timeout_s: Seconds after which the reply says that there was no answer.
        """
        since = send(self.folder, request)
        reply = await_reply(self.folder, request, timeout_s, since)
        if reply is not None:
            return reply
        if not self.is_alive:
            return Reply(False, "it ended before it could do that")
        return Reply(False, f"it was asked, but has not answered within {timeout_s:g} s")


class Variants(Mapping[str, VariantResult]):
    """The variants of a run by their names, in order; the beginning of a name will do.

    Args:
        result: What the run came to.
    """

    def __init__(self, result: RunResult) -> None:
        self._result = result

    def __getitem__(self, name: str) -> VariantResult:
        """Return a variant.

        Raises:
            UsageError: There is none, or several.
        """
        return self._result.variant(find_variant(self._result.history, name).name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._result.history.variants)

    def __len__(self) -> int:
        return len(self._result.history.variants)
