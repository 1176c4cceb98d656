"""Report numbers, texts, images and histograms while a notebook runs."""

from __future__ import annotations

import atexit
import errno
import operator
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbexp.errors import LogError
from nbexp.files import fit_text, to_json, with_checksum
from nbexp.masks import own_mask
from nbexp.metrics import Entry
from nbexp.notebook import channel, media
from nbexp.notebook import session as sessions
from nbexp.notebook.session import Session
from nbexp.runs.variant_folder import VariantFolder

_PRINT_S = 1.0  # between two lines by hand
_MISSING: Any = object()


def log(name: str | Mapping[str, Any], value: Any = _MISSING, step: int | None = None) -> None:
    """Report a value of the present step, or several: ``log({"loss": 0.3, "accuracy": 0.9})``.

    It is on disk when the call returns. From there it reaches MLflow, TensorBoard and the run's
    events. Where the stage has a scheduler, a report of its metric waits for the decision, and
    the notebook may end here. By hand it prints about a line a second.

    Args:
        name: Name of the value, or a table of values by name.
        value: A number (also of numpy or torch; an array of one item is a number too); a text;
            an image: an array or tensor of two dimensions, or of three with 1, 3 or 4 channels
            last or first, as bytes or as floats from 0 to 1, a PIL image, a matplotlib figure, or
            a PNG file as bytes; or an array or tensor of one dimension, of which the histogram is
            kept (``weights.flatten()`` for others).
        step: Such as an epoch. By default the index of the outermost `nbexp.loop`; outside of
            one, one more than the last step of that name. Of one name and step, only the first
            value counts.

    Raises:
        LogError: A name, value or step can't be logged.

    Example:
        >>> import nbexp
        >>> nbexp.log({"loss": 0.31, "accuracy": 0.93}, step=0)
        0: loss=0.31  accuracy=0.93
    """
    values = _table(name, value)
    session = sessions.current()
    reporter = _reporter_of(session)
    number = reporter.step_of(values) if step is None else _checked(step)
    entry = _entry(values, number, session.folder)
    reporter.report(entry)
    session.check()
    reporter.decide(entry)


def keep(entry: Entry) -> None:
    """Write down what the notebook told MLflow, unless `log` reports the same names."""
    _reporter_of(sessions.current()).keep(entry)


def step_in_loop(step: int) -> int:
    """Return the step of what the notebook told MLflow, where 0 may stand for none given."""
    frames = sessions.current().frames
    return frames[0].index if frames and step == 0 else step


def _table(name: Any, value: Any) -> Mapping[str, Any]:
    if isinstance(name, Mapping):
        if value is not _MISSING:
            raise LogError(
                "nbexp.log takes a table of values alone, and the step by its name: "
                "nbexp.log({...}, step=3)."
            )
        values: Mapping[str, Any] = name
    elif value is _MISSING:
        raise LogError(f"nbexp.log({name!r}): the value is missing: nbexp.log(name, value).")
    else:
        values = {name: value}
    for each in values:
        if not isinstance(each, str) or not each or fit_text(each) != each:
            raise LogError(f"nbexp.log: a name must be a text in UTF-8, but is {each!r}.")
    if not values:
        raise LogError("nbexp.log: the table of values is empty.")
    return values


def _checked(step: Any) -> int:
    try:
        return operator.index(step.item() if hasattr(step, "item") else step)
    except TypeError:
        if isinstance(step, float) and step.is_integer():
            return int(step)
    raise LogError(
        f"nbexp.log: a step must be a whole number, but is {step!r}. Give such as step=epoch."
    )


def _entry(values: Mapping[str, Any], step: int, folder: Path | None) -> Entry:
    numbers: dict[str, float] = {}
    rich: dict[str, Mapping[str, Any]] = {}
    for given, value in values.items():
        name, number = own_mask().text(given), media.number_of(value)
        if number is not None:
            numbers[name] = number
        else:
            rich[name] = media.rich_of(name, value, step, folder)
    return Entry(time.time(), step, numbers, rich)


class Reporter:
    """Where a session's reports go."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._file = _MetricsFile(VariantFolder(session.folder).metrics) if session.folder else None
        self._printer = _Printer(session)
        self._steps: dict[str, int] = {}  # the next by name
        self._decided: set[int] = set()
        self.renew_lock()

    def renew_lock(self) -> None:
        """Make the lock anew: in a forked process another thread's hold on it never ends."""
        self._lock = threading.Lock()

    def step_of(self, names: Mapping[str, Any]) -> int:
        """Return the step of values that were given none."""
        if self.session.frames:
            return self.session.frames[0].index
        return max(self._steps.get(name, 0) for name in names)

    def report(self, entry: Entry) -> None:
        """Write an entry, or by hand print it."""
        with self._lock:
            self.session.step = max(self.session.step, entry.step)
            for name in (*entry.values, *entry.rich):
                self._steps[name] = max(self._steps.get(name, 0), entry.step + 1)
            if self._file is None:
                self._printer.take(entry)
            else:
                self._file.append(entry)

    def keep(self, entry: Entry) -> None:
        """Write an entry of names that are not reported; it is no step of the notebook's loop."""
        with self._lock:
            if self._file is not None and self._steps.keys().isdisjoint(entry.values):
                self._file.append(entry)

    def decide(self, entry: Entry) -> None:
        """Wait for the scheduler's decision where the entry reports its metric, and obey."""
        address = os.environ.get("NBEXP_CHANNEL")
        value = entry.values.get(os.environ.get("NBEXP_METRIC", ""))
        if not address or value is None or self.session.process != os.getpid():
            return
        with self._lock:
            if entry.step in self._decided:
                return
            self._decided.add(entry.step)
        self.session.obey(channel.ask(address, entry.step, value))


class _MetricsFile:
    """The file of what a variant logged, kept open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1
        self._identity: tuple[int, int] | None = None
        self._is_torn = False

    def append(self, entry: Entry) -> None:
        """Append a line, in a single write; after a line that was cut off, on a new one."""
        line = (with_checksum(to_json(entry.to_record())) + "\n").encode()
        try:
            self._open()
            self._write(b"\n" + line if self._is_torn else line)
        except OSError as error:
            raise LogError(
                f"nbexp.log: {self._path} can't be written: {error.strerror}. Make room or the "
                "folder anew, and run the variant again."
            ) from error

    def _write(self, data: bytes) -> None:
        self._is_torn = os.write(self._handle, data) < len(data)
        if self._is_torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _open(self) -> None:
        """Open the file, again where it is no longer what lies at its place."""
        try:
            now = self._path.stat()
        except FileNotFoundError:
            now = None
        if now is not None and self._identity == (now.st_dev, now.st_ino):
            return
        if self._handle >= 0:
            os.close(self._handle)
        self._handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        found = os.fstat(self._handle)
        self._identity = (found.st_dev, found.st_ino)
        last = os.pread(self._handle, 1, found.st_size - 1) if found.st_size else b"\n"
        self._is_torn = last != b"\n"


class _Printer:
    """Prints what is logged by hand: about a line a second, and the last values of a loop."""

    def __init__(self, session: Session) -> None:
        self._waiting: dict[str, str] = {}
        self._step = 0
        self._printed = 0.0
        if session.folder is None:
            session.at_end.append(self.flush)
            _at_end_of_cells(self.flush)

    def take(self, entry: Entry) -> None:
        """Print an entry, or keep it for the next line."""
        self._step = entry.step
        self._waiting |= {name: f"{value:.6g}" for name, value in entry.values.items()}
        self._waiting |= {name: _short(rich) for name, rich in entry.rich.items()}
        if time.monotonic() - self._printed >= _PRINT_S:
            self.flush()

    def flush(self) -> None:
        """Print what has not been printed."""
        if self._waiting:
            shown = "  ".join(f"{name}={text}" for name, text in self._waiting.items())
            print(f"{self._step}: {shown}")
            self._waiting.clear()
            self._printed = time.monotonic()


def _short(rich: Mapping[str, Any]) -> str:
    return repr(rich["text"][:60]) if rich["kind"] == "text" else f"({rich['kind']})"


def _at_end_of_cells(call: Any) -> None:
    """Call after each of the notebook's cells, or at the end of a script."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        atexit.register(call)
    else:
        shell.events.register("post_run_cell", lambda _result: call())


_reporters: list[Reporter] = []


def _reporter_of(session: Session) -> Reporter:
    if not _reporters or _reporters[0].session is not session:
        _reporters[:] = [Reporter(session)]
    return _reporters[0]


def _renew_locks() -> None:
    for reporter in _reporters:
        reporter.renew_lock()


os.register_at_fork(after_in_child=_renew_locks)
