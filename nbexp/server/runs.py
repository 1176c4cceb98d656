"""Runs while they go: their pages, made anew when something happened, and how far they are."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from nbexp.lines import GrowingFile
from nbexp.render.ansi import settle, to_html
from nbexp.reports.site import PAGES_AMONG_RUNS, Site
from nbexp.runs.finding import list_runs
from nbexp.runs.folder import RunFolder
from nbexp.runs.history import HistoryReader, RunHistory
from nbexp.runs.results import RunResult, best_by_stage, run_duration_s, run_state
from nbexp.states import State
from nbexp.wording import counts_text, duration_text, number_text, time_text

_LINES = 2_000  # of a log, when it is first shown
_CHUNK = 1_000_000  # bytes of a log that are sent at once
_UNFINISHED = 4_000  # characters of a line that has no end yet
_REST = 4  # times as long as pages took to make, they are shown before they are made anew

Version = tuple[int, int, bool]
V = TypeVar("V")


class Histories:
    """What the events of runs tell; each look reads what is new. For many threads."""

    def __init__(self) -> None:
        self._known: dict[Path, _Followed] = {}

    def of(self, folder: RunFolder) -> RunHistory:
        """Return what has happened so far."""
        return self._known.setdefault(folder.path, _Followed(folder)).history()


class _Followed:
    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._reader = HistoryReader(folder)
        self._known: tuple[Version, RunHistory] | None = None

    def history(self) -> RunHistory:
        with self._lock:
            version = _version(self._folder)
            if self._known is None or self._known[0] != version:
                self._known = (version, self._reader.read())
            return self._known[1]


class _LiveSite(Generic[V]):
    """Pages that are made anew when something happened.

    Args:
        version: Returns what is another one when something happened.
        make: Returns the site of a version.
    """

    def __init__(self, version: Callable[[], V], make: Callable[[V], Site]) -> None:
        self._version = version
        self._make = make
        self._lock = threading.Lock()
        self._site: tuple[V, Site] | None = None
        self._rests_until = 0.0

    def render(self, page: str) -> str:
        """Return a page."""
        with self._lock:
            started = time.monotonic()
            version = self._version()
            is_old = self._site is None or self._site[0] != version
            if self._site is None or (is_old and started > self._rests_until):
                self._site = (version, self._make(version))
            text = self._site[1].render(page)
            now = time.monotonic()
            self._rests_until = max(self._rests_until, now + _REST * (now - started))
            return text

    def shown(self) -> V | None:
        """Return the version that is shown for now, even if it is old; None where none is."""
        is_resting = time.monotonic() < self._rests_until
        return self._site[0] if self._site and is_resting else None


class LiveRun:
    """A run that someone looks at; its methods may be called by many threads.

    Args:
        folder: The run's folder.
        attachments: Where files go that its pages refer to.
        shared: Values for all its pages; ``live`` among them, a table.
        histories: Where it is kept what happened in this run, and in those beside it.
        has_neighbours: Whether the runs beside it can be looked at, too.
    """

    def __init__(
        self,
        folder: Path,
        attachments: Path,
        shared: Mapping[str, Any],
        histories: Histories,
        *,
        has_neighbours: bool,
    ) -> None:
        self.folder = RunFolder(folder)
        self.attachments = attachments
        self._shared = shared
        self._histories = histories
        self._has_neighbours = has_neighbours
        self._run: tuple[Version, RunResult] | None = None
        self._own = _LiveSite(lambda: _version(self.folder), self._make)
        # Under a lock of their own, as they take longer the more runs there are.
        self._among = _LiveSite(self._versions, lambda each: self._make(each[self.folder.id]))

    def render(self, page: str) -> str:
        """Return a page, or the data of one, as the run stands now.

        Raises:
            KeyError: There is no such page.
        """
        return (self._among if page in PAGES_AMONG_RUNS else self._own).render(page)

    def history(self) -> RunHistory:
        """Return what has happened so far."""
        return self._histories.of(self.folder)

    def progress(self, variant: str) -> dict[str, Any]:
        """Return how far the run is.

        ``version`` and ``files`` change when pages would, and not again once it ``is_final``.

        Args:
            variant: Name of the variant that is looked at, if it is one.
        """
        newest, history = _version(self.folder), self.history()
        version = self._own.shown() or newest
        counts = history.counts
        followed = self.folder.variant(variant) if variant in history.variants else None
        files = (followed.notebook, followed.metrics, followed.result) if followed else ()
        stamps = list(map(_stamp, files))
        return {
            "state": run_state(history),
            "is_alive": history.state is None,
            "is_final": history.state is not None and version == newest and not newest[-1],
            "version": _text(version),
            "files": str(stamps),
            "done": sum(count for state, count in counts.items() if state.is_final),
            "total": sum(counts.values()),
            "running": counts[State.RUNNING],
            "counts": counts_text(counts),
            "took": duration_text(run_duration_s(history)),
        }

    def console(self, variant: str, offset: int | None) -> dict[str, Any]:
        """Return what a variant printed since an offset; by default its last lines.

        ``html`` holds whole lines, ``rest`` the unfinished one, and ``offset`` is where to go on;
        ``is_new`` says that it begins anew.
        """
        history = self.history()
        state = history.variants[variant].state
        path = self.folder.variant(variant).log
        size, _ = _stamp(path)
        is_new = offset is None or offset > size  # a retry begins a new log
        start = max(0, size - _CHUNK) if is_new else offset or 0
        log = GrowingFile(path, start, most=_CHUNK)
        whole = b""
        with contextlib.suppress(OSError):
            whole = log.take()
        shown = _last_lines(whole, cut=start > 0) if is_new else whole
        rest = log.rest.decode(errors="replace")[-_UNFINISHED:]
        return {
            "html": to_html(settle(shown.decode(errors="replace"))),
            "rest": to_html(settle(rest)),
            "offset": log.offset,
            "is_new": is_new,
            "left_out": is_new and len(shown) < log.offset,
            "state": state,
            "is_alive": not state.is_final and history.state is None,
        }

    def summary(self) -> dict[str, Any]:
        """Return what a list of runs tells of it."""
        history = self.history()
        best = [
            f"{history.metrics[stage][0]} {number_text(variant.metric)}"
            for stage, variant in best_by_stage(history).items()
        ]
        return {
            "state": run_state(history),
            "started": time_text(history.started),
            "took": duration_text(run_duration_s(history)),
            "counts": counts_text(history.counts),
            "best": ", ".join(best),
            "order": history.started,
        }

    def _make(self, version: Version) -> Site:
        live = {**self._shared["live"], "version": _text(version)}
        if self._run is None or self._run[0] != version:
            self._run = (version, self._read(self.folder.path))
        return Site(
            self._run[1],
            self.attachments,
            {**self._shared, "live": live},
            elsewhere="../",
            has_compared_runs=self._has_neighbours,
            read_other=self._read,
        )

    def _read(self, path: Path) -> RunResult:
        folder = RunFolder(path)
        return RunResult(folder.path, self._histories.of(folder))

    def _versions(self) -> dict[str, Version]:
        """Return the versions of the runs beside it and its own, by name."""
        beside = list_runs(self.folder.path.parent)
        return {folder.id: _version(folder) for folder in (*beside, self.folder)}


def _version(folder: RunFolder) -> Version:
    is_alive = folder.is_alive()  # asked first: its last event comes before its end
    return (*_stamp(folder.events), is_alive)


def _text(version: Version) -> str:
    return "-".join(map(str, version))


def _stamp(path: Path) -> tuple[int, int]:
    """Return size and time of a file; zeros where it is not there."""
    try:
        about = path.stat()
    except OSError:
        return 0, 0
    return about.st_size, about.st_mtime_ns


def _last_lines(data: bytes, *, cut: bool) -> bytes:
    """Return the last lines; the first one left out where it may have been cut."""
    lines = data.splitlines(keepends=True)[1 if cut else 0 :]
    return b"".join(lines[-_LINES:])
