"""Records in a process what it reads, lists, imports, starts and asks for; its children do, too.

It runs in the kernel and in each Python process that the kernel starts, so it needs nothing but
Python's standard library, and what it does at each event is little. Python's audit events tell of
files, folders, modules, connections and processes; what has none (whether a file is there, the
environment) is heard by functions put in the place of Python's own; and `readers` knows libraries
that open files past Python.

Lines of JSON go to the file in ``NBEXP_OBSERVED``, each an array of events in their order. An event
is an array of its kind and what belongs to it; paths are as they were given, and relative ones
start from the folder of the last ``cd``:

``["cd", folder]``, ``["f", folder]`` (the variant's own), ``["r", path, time]`` (read),
``["w", path, time, existed]`` (written),
``["a", path, time, existed]`` (written, and what was there before still counts),
``["d", path, time]`` (deleted), ``["e", path, time, kind]`` (looked for: kind is what was found:
"file", "folder", "other" or ""), ``["l", folder, time, digest]`` (listed),
``["g", pattern, time, digest]`` (globbed), ``["v", name, digest]`` (variable),
``["m", module, folders]`` (imported; the local folders before the one that it was found in),
``["x", words, folder]`` (started), ``["n", host, port]`` (connected), ``["u", name]`` (a library
that reads files out of sight).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pathlib
import shlex
import stat
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from nbexp.observe.calls import hear
from nbexp.observe.names import glob_digest, installed_prefixes, list_digest, masked
from nbexp.observe.variables import Variables

VARIABLE = "NBEXP_OBSERVED"
_HELD = 512  # events
_FLUSH_S = 1.0
_NEW = os.O_TRUNC | os.O_EXCL
_UNUSUAL = _NEW | os.O_WRONLY | os.O_RDWR | os.O_DIRECTORY
_IMPORT = "<frozen importlib"
_SEARCHES = ("importlib", "_frozen_importlib", "zipimport", "glob", "pathlib")
LOOKS = [
    *((os.path, name) for name in ("exists", "lexists", "isfile", "isdir")),
    *((pathlib.Path, name) for name in ("exists", "is_file", "is_dir")),
]
SIZES = [(os.path, "getsize"), (os.path, "getmtime")]

_stat = os.stat
_listdir = os.listdir
_getframe = sys._getframe


def install(*, holds: bool = False) -> None:
    """Record from now on, into the file in ``NBEXP_OBSERVED``; once in a process.

    Args:
        holds: Whether what is heard may be held back a while, for whoever calls `flush`; else it is
            written at once, since the process may end without a word.
    """
    target = os.environ.get(VARIABLE)
    if not target or _recorders:
        return
    recorder = AccessRecorder(target, holds=holds)
    _recorders.append(recorder)
    recorder.watch()
    recorder.note_startup()
    recorder.begin()
    atexit.register(recorder.flush)
    os.register_at_fork(after_in_child=recorder.begin_in_child)
    sys.addaudithook(recorder.listener())
    from nbexp.observe import readers  # it needs no more than this module does

    readers.install(recorder)


def flush() -> None:
    """Write what has been heard so far."""
    for recorder in _recorders:
        recorder.flush()


class AccessRecorder:
    """Hears what one process does, and writes it down.

    Args:
        target: The file to append to.
        holds: Whether what is heard may be held back a while.
    """

    def __init__(self, target: str, *, holds: bool) -> None:
        self._target = target
        self._now = time.time  # what a module holds is replaced where a test freezes the time
        self._installed = installed_prefixes()
        cells = f"{os.environ.get('TMPDIR') or '/tmp'}/ipykernel_"  # the names of files of cells
        self._ignored = (*self._installed, target, cells)
        self._events: list[Any] = []
        self._read: set[Any] = set()
        self._variables = Variables(
            tell=lambda name, digest: self._add(["v", name, digest]),
            is_own_code=lambda frame: self._kind_of_code(frame) == "own",
        )
        self._imports: dict[str, list[str]] = {}
        self._folder: str | None = None
        self._next_flush = self._now() + _FLUSH_S
        self._holds = holds
        self._kinds: dict[str, str] = {}  # of code, by the names of its files
        self._handle = -1
        self._handlers: dict[str, Callable[[Any], None]] = {
            "open": self._opened,
            "os.listdir": self._listed,
            "os.scandir": self._listed,
            "glob.glob/2": lambda args: self._globbed(_under(args[2], args[0])),
            "pathlib.Path.glob": lambda args: self._globbed(_under(*args[:2])),
            "pathlib.Path.rglob": self._rglobbed,
            "os.chdir": self._moved,
            "os.fchdir": self._moved,
            "os.rename": self._renamed,
            "os.remove": lambda args: self._deleted(args[0]),
            "os.rmdir": lambda args: self._deleted(args[0]),
            "os.link": lambda args: self.wrote(args[1], appends=True),
            "os.symlink": lambda args: self.wrote(args[1], appends=True),
            "os.mkdir": lambda args: self.wrote(args[0], appends=True),
            "os.truncate": lambda args: self.wrote(args[0], appends=True),
            "os.putenv": lambda args: self._variables.set(args[0]),
            "os.unsetenv": lambda args: self._variables.set(args[0]),
            "socket.connect": lambda args: self._connected(args[1]),
            "sqlite3.connect": lambda args: self._opened_database(args[0]),
            "import": self._imported,
            "subprocess.Popen": lambda args: self._started(args[1], args[2]),
            "os.exec": lambda args: self._started(args[1], None),
            "os.posix_spawn": lambda args: self._started(args[1], None),
            "os.spawn": lambda args: self._started(args[2], None),
            "os.system": lambda args: self._started(args[0], None),
        }

    def listener(self) -> Callable[[str, Any], None]:
        """Return what takes in audit events: there are 100,000 while large packages are imported.

        Nothing that goes wrong there may stop what is audited.
        """
        handler_of = self._handlers.get

        def hear(event: str, args: Any) -> None:
            handler = handler_of(event)
            if handler is not None:
                try:  # noqa: SIM105 - much faster
                    handler(args)
                except Exception:  # what can't be recorded can't be told of, either
                    pass

        return hear

    def read(self, path: Any) -> None:
        """Note that a file is read."""
        if (path := self._own(path)) is not None and path not in self._read:
            self._read.add(path)
            self._add(["r", path, self._now()])

    def wrote(self, path: Any, *, appends: bool = False) -> None:
        """Note that a file is going to be written.

        Args:
            path: The file.
            appends: Whether what it holds already still counts.
        """
        if (path := self._own(path)) is not None:
            self._add(["a" if appends else "w", path, self._now(), _kind(path) != ""])

    def unseen(self, name: str) -> None:
        """Note that a library is used whose reads can't be seen."""
        self._once(("u", name))

    def flush(self) -> None:
        """Write what has been heard so far."""
        self._note_imports()
        self._folder = None  # a line begins with its folder
        events = self._events[:]
        del self._events[: len(events)]
        if not events:
            return
        self._next_flush = self._now() + _FLUSH_S
        if self._handle < 0:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._handle = os.open(self._target, flags, 0o644)
        os.write(self._handle, masked(json.dumps(events)).encode() + b"\n")

    def begin(self) -> None:
        """Write that this process is heard."""
        self._folder = _working_folder()
        own = os.environ.get("NBEXP_FOLDER")
        self._events += [["cd", self._folder], *([["f", own]] if own else [])]
        self.flush()

    def begin_in_child(self) -> None:
        """Begin in a forked process."""
        self._holds = False
        self._handle = -1
        self._events.clear()
        self._folder = None

    def _add(self, event: list[Any]) -> None:
        if self._folder is None:
            self._folder = _working_folder()
            self._events.append(["cd", self._folder])
        self._events.append(event)
        if not self._holds or len(self._events) >= _HELD or self._now() > self._next_flush:
            self.flush()

    def _once(self, event: tuple[Any, ...]) -> None:
        if event not in self._read:
            self._read.add(event)
            self._add(list(event))

    def _own(self, path: Any) -> str | None:
        """Return a path as a text, if it belongs neither to the system nor to what is installed."""
        if path.__class__ is not str:
            if isinstance(path, int) or path is None:
                return None
            path = os.fsdecode(path)
        return None if path.startswith(self._ignored) else path

    def _opened(self, args: Any) -> None:
        path, _, flags = args
        if path.__class__ is str:
            if path.startswith(self._ignored):
                return
            if not flags & _UNUSUAL:  # nearly all are read; what follows would do the same
                if path not in self._read:
                    self._read.add(path)
                    self._add(["r", path, self._now()])
                return
        if not flags & (os.O_WRONLY | os.O_DIRECTORY | _NEW):
            self.read(path)
        if flags & (os.O_WRONLY | os.O_RDWR):
            self.wrote(path, appends=not flags & os.O_TRUNC)

    def _listed(self, args: Any) -> None:
        path = self._own("." if args[0] is None else args[0])
        if path is None or ("l", path) in self._read:
            return
        caller = _getframe(2)
        is_searching = caller.f_globals.get("__name__", "").startswith(_SEARCHES)
        if is_searching and caller.f_code.co_name != "iterdir":
            return
        self._read.add(("l", path))
        self._add(["l", path, self._now(), list_digest(path)])

    def _globbed(self, pattern: str) -> None:
        own = self._own(pattern)
        if own is None or ("g", own) in self._read:
            return
        self._read.add(("g", own))  # before it is looked up, which is heard too
        self._add(["g", own, self._now(), glob_digest(own)])

    def _rglobbed(self, args: Any) -> None:
        self._globbed(_under(args[0], os.path.join("**", args[1])))

    def _moved(self, _args: Any) -> None:
        self._folder = None  # where it goes is known once it is there
        self._read = {each for each in self._read if isinstance(each, tuple)}

    def _renamed(self, args: Any) -> None:
        self.read(args[0])
        self.wrote(args[1])
        self._deleted(args[0])

    def _deleted(self, path: Any) -> None:
        if (path := self._own(path)) is not None:
            self._add(["d", path, self._now()])

    def _connected(self, address: Any) -> None:
        if isinstance(address, tuple) and len(address) >= 2:
            self._once(("n", str(address[0]), int(address[1])))

    def _opened_database(self, name: Any) -> None:
        path = os.fsdecode(name)
        if path.startswith("file:"):
            from urllib.parse import unquote, urlsplit

            path = unquote(urlsplit(path).path)
        if path and path != ":memory:":
            self.read(path)
            self.wrote(path, appends=True)

    def _started(self, words: Any, folder: Any) -> None:
        if isinstance(words, str | bytes | os.PathLike):
            words = shlex.split(os.fsdecode(words))
        words = [os.fsdecode(word) for word in words]
        self._add(["x", words, None if folder is None else os.fsdecode(folder)])
        self.flush()

    def _imported(self, args: Any) -> None:
        name, file = args[0], args[1]
        if file is not None:
            self.read(file)
            return
        caller = _getframe(2)
        while (kind := self._kind_of_code(caller)) == "import":
            if caller.f_back is None:
                return
            caller = caller.f_back
        if kind == "own":
            self._imports.setdefault(name.partition(".")[0], list(sys.path))

    def _note_imports(self) -> None:
        """Note where modules were looked for in vain that the notebook's own code imports."""
        while self._imports:
            name, path = self._imports.popitem()
            found = _home(name)
            real = [os.path.realpath(each) for each in path]
            before = path[: real.index(found)] if found in real else path
            folders = [each for each in before if self._own(each or ".")]
            if folders and (event := ("m", name, tuple(folders))) not in self._read:
                self._read.add(event)
                self._events.append(list(event))  # `flush`, which asks for them, is under way

    def _kind_of_code(self, frame: FrameType) -> str:
        file = frame.f_code.co_filename
        if file not in self._kinds:
            is_import = str(frame.f_globals.get("__name__", "")).startswith("importlib")
            is_own = not file.startswith(("<frozen", *self._installed))
            kind = "import" if is_import or file.startswith(_IMPORT) else "own" if is_own else ""
            self._kinds[file] = kind
        return self._kinds[file]

    def note_startup(self) -> None:
        """Note the user's own files that IPython ran before the notebook's first cell."""
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        folder = getattr(getattr(shell, "profile_dir", None), "startup_dir", None)
        if folder and _kind(folder):
            for name in sorted(_listdir(folder)):
                if name.endswith((".py", ".ipy")):
                    self.read(f"{folder}/{name}")

    def watch(self) -> None:
        """Hear of what has no audit event: variables, and files that are only looked for."""
        self._variables.watch()
        for owner, name in LOOKS:
            hear(owner, name, self._looked)
        for owner, name in SIZES:
            hear(owner, name, self._measured)

    def _measured(self, path: Any) -> None:
        with contextlib.suppress(Exception):
            self.read(path)

    def _looked(self, path: Any) -> None:
        with contextlib.suppress(Exception):
            path = self._own(path)
            if path is None or path in self._read or ("e", path) in self._read:
                return
            if not _is_of_traceback(_getframe(2)):
                self._read.add(("e", path))
                self._add(["e", path, self._now(), _kind(path)])


_recorders: list[AccessRecorder] = []


def _under(folder: Any, name: Any) -> str:
    return os.path.join("" if folder is None else os.fsdecode(folder), os.fsdecode(name))


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted: nothing lies there
        return "/(deleted)"


def _kind(path: str) -> str:
    """Return what lies at a path: "file", "folder", "other" (a pipe, a device), or nothing."""
    try:
        mode = _stat(path).st_mode
        return "folder" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
    except (OSError, ValueError):
        return ""


def _home(name: str) -> str | None:
    """Return the folder in which a top-level module was found; None where it was not."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or ()) or [spec.origin or ""]
    return str(os.path.dirname(os.path.realpath(places[0])))


def _is_of_traceback(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] in ("linecache", "inspect", "traceback", "IPython", "ipykernel")
