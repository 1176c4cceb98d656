"""What is heard of a notebook's use of files, modules and variables, around its execution."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nbexp.execute.cwd import cwd_of
from nbexp.execute.job import Job
from nbexp.lines import GrowingFile
from nbexp.masks import MASKED, Mask
from nbexp.observe.check import Check
from nbexp.observe.hook import VARIABLE
from nbexp.observe.lines import Event, take_events
from nbexp.observe.names import installed_prefixes
from nbexp.observe.record import NotebookPlace, Observation
from nbexp.observe.states import Files
from nbexp.urls import local_path, sqlite_file

_LOOK_S = 0.05
_FILES = Files()  # of this worker: what many notebooks read is read once
# The template's environment may have no nbexp. The code leaves no name behind.
_INSTALL = f"""\
try:
    __import__("os").environ["{VARIABLE}"] = %r
    __import__("nbexp.observe.hook", fromlist=["install"]).install(holds=True)
except ImportError:
    del __import__("os").environ["{VARIABLE}"]
"""


def installation(job: Job) -> str:
    """Return the code that has a kernel of Python tell what it uses."""
    return _INSTALL % str(job.files.observed) if job.observe else ""


def place_of(job: Job) -> NotebookPlace:
    """Return where a notebook runs, and what is not looked at there."""
    uri = job.environment.get("MLFLOW_TRACKING_URI", "")
    return NotebookPlace(
        project=job.project or job.template.parent,
        folder=job.folder,
        cwd=cwd_of(job),
        tracked=tuple(_tracked(uri)),
        given=tuple(_given(job.parameters, job.folder.parents[2])),
        hosts=tuple(_hosts(uri)),
        copies=_copies(job.files.work, job.mirrored),
    )


class Observer:
    """Looks at what a notebook uses.

    Args:
        job: What is executed.
        mask: Hides its secrets.
    """

    def __init__(self, job: Job, mask: Mask) -> None:
        self._job = job
        self._mask = mask
        self._events: list[Event] = []
        self._heard = GrowingFile(job.files.observed)
        self._has_ended = False
        self._early: Observation | None = None  # while nothing more is heard

    async def look_ahead(self) -> None:
        """Look at what the notebook reads while its kernel still runs, until this is cancelled."""
        written: set[str] = set()
        while True:
            await asyncio.sleep(_LOOK_S)
            if events := self._hear():
                observation = Observation(place_of(self._job), _FILES)
                await asyncio.to_thread(observation.look_ahead, events, written)
            elif self._has_ended and self._early is None:
                self._early = await asyncio.to_thread(self._observe)

    def cells_ended(self) -> None:
        """Say that the notebook's last cell has ended, and its kernel is going to end."""
        self._has_ended = True

    def observed(self, notebook: Any, open_files: Mapping[str, None]) -> dict[str, Any]:
        """Return what the notebook was seen to use, once its kernel is gone.

        Args:
            notebook: The executed notebook.
            open_files: Files that a kernel of another language was seen to have open.
        """
        self._hear()
        observation = self._early or self._observe()
        language = str(notebook.metadata.get("language_info", {}).get("name", "python"))
        observation.take_files(open_files)
        code = (cell.source for cell in notebook.cells if cell.cell_type == "code")
        observation.take_texts(code, language)
        if not self._heard.offset:
            observation.note(
                "its kernel's environment has no nbexp, so only the files that its code names are "
                "seen"
                if language == "python"
                else f"what {language} reads is only seen as far as its code names files"
            )
        record = observation.to_record()
        secrets = {*self._job.secrets, *self._job.withheld}
        record["variables"] = {k: v for k, v in record["variables"].items() if k not in secrets}
        return _without_secrets(record, self._mask)

    def _hear(self) -> list[Event]:
        """Return what the kernel has told since the last time."""
        events = take_events(self._heard)
        if not events:
            return []
        self._events += events
        self._early = None  # what is told late may have happened early
        return events

    def _observe(self) -> Observation:
        observation = Observation(place_of(self._job), _FILES)
        observation.take(self._events)
        observation.look()
        return observation


def _without_secrets(record: dict[str, Any], mask: Mask) -> dict[str, Any]:
    """Return what a notebook was seen to use, but for paths that hold a secret."""
    if not mask:
        return record

    def is_shown(path: str) -> bool:
        return MASKED not in path and mask.text(path) == path  # the hook masks what it hears

    inputs = {path: state for path, state in record["inputs"].items() if is_shown(path)}
    unseen = [mask.text(sentence) for sentence in record["unseen"]]
    if len(inputs) < len(record["inputs"]):
        unseen.append("it uses files whose paths hold a secret, which are not kept or checked")
    written = [path for path in record["written"] if is_shown(path)]
    return {**record, "inputs": inputs, "written": written, "unseen": unseen}


def is_as_it_was(job: Job, variables: Mapping[str, str]) -> bool:
    """Whether what an execution that did not end had used by then is as it was then.

    Args:
        job: What was executed, in its folder of then.
        variables: The environment that its kernel would have now.
    """
    observation = Observation(place_of(job), _FILES)
    observation.take(take_events(GrowingFile(job.files.observed)))
    record = _without_secrets(observation.to_record(), Mask(job.secrets.values()))
    if any(state.get("is_changing") for state in record["inputs"].values()):
        return False
    return Check(Path(record["project"]), variables, _FILES).is_same(record)


class OpenFiles:
    """The files that a kernel's processes were seen to have open, where the system shows them.

    Attributes:
        paths: Their paths.
    """

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}
        self._ignored = installed_prefixes()

    async def watch(self, pid: int | None) -> None:
        """Look again and again, until this is cancelled."""
        import psutil

        while pid is not None:
            with contextlib.suppress(psutil.Error):
                kernel = psutil.Process(pid)
                for process in (kernel, *kernel.children(recursive=True)):
                    self._look(process.pid)
            await asyncio.sleep(_LOOK_S)

    def _look(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    path = str(Path(entry.path).readlink())
                    if path.startswith("/") and not path.startswith(self._ignored):
                        self.paths[path] = None


def _copies(work: Path, mirrored: Path | None) -> tuple[str, str] | None:
    if mirrored is None:
        return None
    original = str(mirrored.parent).rstrip(os.sep)
    return f"{work}{os.sep}", f"{original}{os.sep}"


def _tracked(uri: str) -> Iterator[Path]:
    if (database := sqlite_file(uri)) is not None:
        yield database
        yield from (database.with_name(f"{database.name}{end}") for end in ("-journal", "-wal"))
        yield database.parent / "mlartifacts"
    elif (folder := local_path(uri)) is not None:
        yield folder


def _hosts(uri: str) -> Iterator[str]:
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https"):
        port = parts.port or (443 if parts.scheme == "https" else 80)
        names = {parts.hostname, *(("127.0.0.1", "::1") if parts.hostname == "localhost" else ())}
        yield from (f"{name}:{port}" for name in names)


def _given(value: Any, runs: Path) -> Iterator[str]:
    """Yield the paths of results among parameters: their content is part of the identity."""
    if isinstance(value, str):
        if value.startswith(f"{runs}{os.sep}"):
            yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _given(each, runs)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _given(each, runs)
