"""Makes of what was heard while a notebook ran what is kept with its result."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import source_from_cache
from operator import itemgetter
from pathlib import Path
from typing import Any

from nbexp.observe.lines import Event
from nbexp.observe.names import glob_digest, list_digest
from nbexp.observe.states import Files, quick_look
from nbexp.runs.variant_folder import MANIFEST, is_manifest

_BY_THE_WAY = frozenset({".git", ".ipynb_checkpoints", "mlartifacts", "mlruns"})
_SLACK_S = 0.01  # by which file systems' clocks may be behind
_MOST_TEXT = 4096
_QUOTED = re.compile(r"""(["'])([^"'\n]{1,4096}?)\1""")
_PYTHON = re.compile(r"(python|pypy)[\d.]*(-config)?$")
# What they read is on their command lines, or nothing that a result depends on.
_PLAIN = frozenset({
    "cat", "head", "tail", "wc", "ls", "sort", "uniq", "cut", "grep", "diff", "cp", "mv", "rm",
    "mkdir", "touch", "echo", "pwd", "date", "true", "false", "test", "sleep", "env", "uname",
    "which", "nvidia-smi", "nproc", "lscpu", "free", "df", "du", "ps", "hostname", "whoami", "id",
    "ldconfig", "git", "gcc", "cc", "c++", "g++", "ld", "uv", "pip", "file", "stty", "tput", "kill",
})  # fmt: skip
_SHELLS = frozenset({"sh", "bash", "dash", "zsh"})
_EPHEMERAL = 32768  # ports from here on are given to whoever asks, as to workers of one notebook


@dataclass(frozen=True)
class NotebookPlace:
    """Where a notebook runs.

    Attributes:
        project: Folder of the pipeline, from which the paths in it are told.
        folder: The variant's folder, which is not looked at.
        cwd: Folder in which the kernel runs.
        tracked: Files and folders that tracking writes.
        given: Paths that its parameters name, which its identity covers.
        hosts: Addresses, as ``host:port``, that nbexp itself has it connect to.
        copies: A folder whose files are copies, and the folder that they are copies of.
    """

    project: Path
    folder: Path
    cwd: Path
    tracked: tuple[Path, ...] = ()
    given: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    copies: tuple[str, str] | None = None


@dataclass(slots=True)
class _Path:
    """What was done with one path, until now."""

    state: dict[str, Any] | None = None  # as it was before it was written, if anybody asked
    looked: float = 0.0
    is_read: bool = False
    is_written: bool = False
    is_own: bool = False
    is_deleted: bool = False


@dataclass
class _Seen:
    paths: dict[str, _Path] = field(default_factory=dict)
    variables: dict[str, str | None] = field(default_factory=dict)
    unseen: dict[str, None] = field(default_factory=dict)


class Observation:
    """What a notebook was seen to use.

    Args:
        place: Where it ran.
        files: Looks at files.
    """

    def __init__(self, place: NotebookPlace, files: Files) -> None:
        self._place = place
        self._files = files
        self._seen = _Seen()
        self._ignored: tuple[str, ...] = ()
        self._ignored_below = place.given
        self._looked_at: dict[str, tuple[str, dict[str, Any] | None]] = {}
        self._is_by_the_way: dict[str, bool] = {}  # by folder
        for path in (place.folder, *place.tracked):
            self._ignore(str(path))
        self._project = f"{os.path.realpath(place.project)}{os.sep}"

    def _ignore(self, path: str) -> None:
        if path not in self._ignored:
            self._ignored += (path,)
            self._ignored_below += (f"{path}{os.sep}",)

    def look_ahead(self, events: Iterable[Event], written: set[str]) -> None:
        """Hash what was read as it is by now; nothing is decided.

        In the end each file is looked at again, and if it has changed since, it is hashed again.

        Args:
            events: What was heard since the last time.
            written: The paths that were written until then; those that are written now are added.
        """
        for _, event in events:
            if event[0] in "wa":
                written.add(event[1])
            elif event[0] == "r" and event[1] not in written:
                path = _source(event[1])
                if not self._is_ignored(path, self._name(path)):
                    self._files.state(path)

    def take(self, events: Iterable[Event]) -> None:
        """Take in all that was heard."""
        for _, event in sorted(events, key=itemgetter(0)):
            self._take(event)

    def take_texts(self, sources: Iterable[str], language: str) -> None:
        """Take in the files that are named in the code, since a library may have read them."""
        for text in _texts(sources, language):
            path = os.path.join(self._place.cwd, text)
            if path not in self._seen.paths and os.path.isfile(path):
                self._use(os.path.normpath(path), sys.float_info.max, "file").is_read = True

    def take_files(self, paths: Iterable[str]) -> None:
        """Take in files that a kernel of another language was seen to have open."""
        for path in paths:
            self._use(path, sys.float_info.max, "file").is_read = True

    def note(self, sentence: str) -> None:
        """Note that something can't be seen."""
        self._seen.unseen[sentence] = None

    def look(self) -> None:
        """Look at all that was only read, of which there may be much, once no cell runs any more.

        A file that is changed afterwards, by somebody else, is no longer what was read. What was
        only looked for, such as the kernel's own files, may go with the kernel.
        """
        for path, use in self._seen.paths.items():
            if use.is_read and not (use.is_written or use.is_deleted):
                self._looked_at[path] = self._look(path, use)

    def to_record(self) -> dict[str, Any]:
        """Return what is kept, as the files are now."""
        inputs, written = {}, []
        for path, use in sorted(self._seen.paths.items(), key=itemgetter(0)):
            name, state = self._looked_at.get(path) or self._look(path, use)
            if state is not None:
                inputs[name] = state
            if use.is_written and os.path.isfile(path) and not self._is_ignored(path, name):
                written.append(name)
        return {
            "project": self._project.rstrip(os.sep),
            "inputs": inputs,
            "variables": dict(sorted(self._seen.variables.items())),
            "written": written,
            "unseen": list(self._seen.unseen),
        }

    def _look(self, path: str, use: _Path) -> tuple[str, dict[str, Any] | None]:
        """Return the name of a path, and its state as an input, or None where it is none."""
        name = self._name(path)
        return name, None if self._is_ignored(path, name) else self._state(path, use)

    def _take(self, event: list[Any]) -> None:
        match event:
            case ["f", folder]:  # one that goes on from a snapshot has lines of other folders
                self._ignore(folder)
            case ["r", path, at]:
                self._read(_source(path), at)
            case ["w" | "a" as kind, path, at, existed]:
                self._write(path, at, existed=existed, keeps=kind == "a")
            case ["d", path, at]:
                use = self._use(path, at, None)
                use.is_deleted = use.is_own = True
            case ["e", path, at, kind]:
                self._use(path, at, kind)
            case ["l", path, at, digest]:
                self._list(path, at, {"kind": "folder", "digest": digest})
            case ["g", path, at, digest]:
                self._list(path, at, {"kind": "pattern", "digest": digest})
            case ["v", name, digest]:
                self._seen.variables.setdefault(name, digest)
            case ["m", module, folders]:
                self._shadow(module, folders)
            case ["x", words, folder]:
                self._start(words, folder)
            case ["n", host, port]:
                self._connect(host, port)
            case ["u", name]:
                self.note(f"it uses {name}, whose reads can't be seen")

    def _read(self, path: str, at: float) -> None:
        if "__pycache__" in path:
            return
        use = self._use(path, at, _ANYTHING)
        use.is_read |= not use.is_own

    def _write(self, path: str, at: float, *, existed: bool, keeps: bool) -> None:
        use = self._use(os.path.realpath(path) if os.path.islink(path) else path, at, None)
        use.is_written = True
        use.is_deleted = False
        use.is_own |= not (keeps and existed)

    def _use(self, path: str, at: float, kind: str | None) -> _Path:
        """Return what was done with a path; note what lies there if nobody has asked before."""
        use = self._seen.paths.get(path)
        if kind is not None and (self._place.copies or (use is not None and use.is_own)):
            path = self._original(path)
            use = self._seen.paths.get(path)
        if use is None:
            use = self._seen.paths[path] = _Path()
        if kind is not None and use.state is None and not use.is_own:
            use.state, use.looked = {"kind": kind}, at
        return use

    def _original(self, path: str) -> str:
        """Return the path whose content is read by way of a copy, or of a link of its own."""
        known = self._seen.paths.get(path)
        if known is not None and known.is_own:
            return os.path.realpath(path) if os.path.islink(path) else path
        if self._place.copies and path.startswith(self._place.copies[0]):
            return self._place.copies[1] + path[len(self._place.copies[0]) :]
        return path

    def _list(self, path: str, at: float, state: dict[str, Any]) -> None:
        use = self._use(path, at, state["kind"])
        if not use.is_own:
            use.state = state

    def _shadow(self, module: str, folders: Iterable[str]) -> None:
        """Note where a module was looked for in vain, before it was found or not at all."""
        for folder in folders:
            for name in (f"{module}.py", f"{module}/__init__.py"):
                path = os.path.normpath(os.path.join(self._place.cwd, folder, name))
                if quick_look(path) is None:
                    self._use(path, 0.0, "")

    def _start(self, words: list[str], folder: str) -> None:
        names = [word.rpartition("/")[2] for word in words[:1]]
        if names and names[0] in _SHELLS and words[1:2] in (["-c"], ["-lc"], ["-ic"]):
            self._start(_words(" ".join(words[2:])), folder)
            return
        for word in words[1:] if names and _is_installed(words[0]) else words:
            path = os.path.normpath(os.path.join(folder, word.lstrip("<>")))
            if os.path.isfile(path) and path not in self._seen.paths:
                self._read(path, sys.float_info.max)
        if names and not _PYTHON.match(names[0]) and names[0] not in _PLAIN:
            self.note(f"it starts {names[0]}, whose reads can't be seen")

    def _connect(self, host: str, port: int) -> None:
        is_local = host in ("127.0.0.1", "::1", "localhost")
        if f"{host}:{port}" in self._place.hosts or (is_local and port >= _EPHEMERAL):
            return
        self.note(f"it connects to {host}:{port}, and what comes from there can't be checked")

    def _state(self, path: str, use: _Path) -> dict[str, Any] | None:
        """Return the state of an input, or None where it is none."""
        if use.state is None:
            return None
        if use.state["kind"] in ("folder", "pattern"):
            return _with_left_names(path, use.state, use.looked)
        now = self._files.state(path)
        if use.state["kind"] == _ANYTHING:
            use.state["kind"] = "" if use.is_deleted else now["kind"]
        if use.is_read and now["kind"] == "other":
            self.note(f"it reads {self._name(path)}, a pipe or a device, which can't be checked")
        if use.is_read and now["kind"] == "file" and "digest" not in now:
            self.note(f"of {self._name(path)}, which is large, only size and times are compared")
        changed = now["kind"] != use.state["kind"] or _is_changed_since(now, use.looked)
        if use.is_written or use.is_deleted:
            before = use.state if use.state["kind"] == "" or not use.is_read else _UNKNOWN
            return {**(before if changed else now), "left": _left(now)}
        if not use.is_read and use.state["kind"] == now["kind"]:
            return dict(use.state)
        return {**now, "is_changing": True} if changed else now

    def _is_ignored(self, path: str, name: str) -> bool:
        if path in self._ignored or path.startswith(self._ignored_below):
            return True
        folder, _, own = name.rpartition(os.sep)
        if folder not in self._is_by_the_way:
            self._is_by_the_way[folder] = not _BY_THE_WAY.isdisjoint(folder.split(os.sep))
        is_trackers = name.startswith((".nfs", "mlflow.db"))
        is_by_the_way = own in _BY_THE_WAY or self._is_by_the_way[folder]
        return is_trackers or is_by_the_way or (own == MANIFEST and is_manifest(path))

    def _name(self, path: str) -> str:
        return path.removeprefix(self._project) if path != self._project[:-1] else "."


_ANYTHING = "?"  # is what is there now, unless the notebook has changed it
_UNKNOWN = {"kind": "file", "size": -1}


def _source(path: str) -> str:
    """Return the source of a compiled module, or the path itself."""
    if not path.endswith(".pyc"):
        return path
    try:
        source = source_from_cache(path)
    except ValueError:
        return path
    return source if os.path.exists(source) else path


def _is_changed_since(now: Mapping[str, Any], looked: float) -> bool:
    """Whether a file may have changed after it was read."""
    return now["kind"] == "file" and float(now["ctime_ns"]) / 1e9 > looked - _SLACK_S


def _left(now: Mapping[str, Any]) -> str:
    return str(now.get("digest", now["kind"]))


def _with_left_names(path: str, state: dict[str, Any], looked: float) -> dict[str, Any]:
    if "digest" not in state:
        return state
    try:
        is_pattern = state["kind"] == "pattern"
        if not is_pattern and os.stat(path).st_ctime < looked - _SLACK_S:
            return state
        now = glob_digest(path) if is_pattern else list_digest(path)
    except OSError:
        return state
    return state if now == state["digest"] else {**state, "left": now}


def _texts(sources: Iterable[str], language: str) -> Iterator[str]:
    for source in sources:
        tree = _parsed(source) if language == "python" else None
        if tree is None:
            yield from (match[1] for match in _QUOTED.findall(source))
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _within(node.value)


def _within(text: str) -> Iterator[str]:
    """Yield a text that may be a path, and those quoted in it, as in a query."""
    if len(text) <= _MOST_TEXT and "\0" not in text:
        if text and "\n" not in text:
            yield text
        yield from (match[1] for match in _QUOTED.findall(text))


def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # such as one with magics
        return None


def _words(command: str) -> list[str]:
    import shlex

    try:
        return shlex.split(command)
    except ValueError:
        return command.split()


def _is_installed(program: str) -> bool:
    return "/" not in program or program.startswith(("/usr/", "/bin/", sys.prefix))
