"""What may be imported before a fork: nothing that a kernel forked later could tell.

Left out is what starts threads, opens files, sockets or devices (CUDA's among them), is not
installed but local, asks IPython in which shell it runs, or prints or warns when it is imported:
all that has to happen in the kernel itself.

Imported by the warm parent, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import site
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from nbexp.warm.placeholders import Placeholders
from nbexp.warm.traces import Traces

_LOOK_S = 1.0  # between looks at every file that was imported
_SHOWN = 500
_TASKS = "/proc/self/task"
_FILES = "/proc/self/fd"
# They look for the kernel's shell when they are imported, and find it only in the kernel itself.
_IN_KERNEL = ("matplotlib_inline.backend_inline", "ipykernel.pylab.backend_inline")


class ForkUnsafeError(Exception):
    """A module that must not be imported before a fork; this process is spoilt by it.

    Attributes:
        module: Its name.
        reason: What it did.
    """

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(f"{module}: {reason}")
        self.module = module
        self.reason = reason


def installed_folders() -> tuple[str, ...]:
    """Return the folders whose modules are installed, or belong to Python or to nbexp."""
    paths = sysconfig.get_paths()
    found = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    found.update(site.getsitepackages())
    if site.ENABLE_USER_SITE:
        found.add(site.getusersitepackages())
    found.add(str(Path(__file__).parents[1]))
    return tuple(f"{os.path.realpath(folder)}{os.sep}" for folder in found)


def is_installed(name: str, folders: tuple[str, ...]) -> bool:
    """Whether a top-level module is installed, rather than local or missing."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    if spec is None or spec.origin in ("built-in", "frozen"):
        return spec is not None
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    return bool(places) and all(_lies_in(str(place), folders) for place in places)


def import_fork_safe(
    name: str,
    folders: tuple[str, ...],
    placeholders: Placeholders | None = None,
    traces: Traces | None = None,
) -> None:
    """Import a module; one that can't be imported, or isn't installed, is none of our business.

    Args:
        name: Its dotted name.
        folders: Those of `installed_folders`.
        placeholders: What it finds of a kernel. Without, it is one of the kernel's own, which is
            there before a shell is; that may print or warn, which nobody will see.
        traces: Takes note of what it keeps of this process.

    Raises:
        ForkUnsafeError: It must not be imported here, but has been.
    """
    if name in sys.modules or not is_installed(name.partition(".")[0], folders):
        return
    before, files = set(sys.modules), _open_files()
    shown = _asked_for_shell() if placeholders is None else placeholders.shown()
    watched = contextlib.nullcontext(str) if traces is None else traces.watched()
    with _written() as written, shown as asked, watched as reason:
        try:
            importlib.import_module(name)
        except BaseException as error:
            if uses := asked():
                raise ForkUnsafeError(name, uses[0][:_SHOWN]) from error
            if set(sys.modules) - before:
                raise ForkUnsafeError(name, f"{type(error).__name__}: {error}") from error
            return
        if why := reason():
            raise ForkUnsafeError(name, why)
    if (text := written()) and placeholders is not None:
        raise ForkUnsafeError(name, f"prints when it is imported: {text}")
    if uses := asked():
        raise ForkUnsafeError(name, uses[0][:_SHOWN])
    if _open_files() != files:
        raise ForkUnsafeError(name, "opens files")
    if _has_threads():
        raise ForkUnsafeError(name, "starts threads")
    for module in set(sys.modules) - before - {"__mp_main__"}:  # a name for this program
        if not _is_module_installed(sys.modules[module], folders):
            raise ForkUnsafeError(name, f"imports {module}, which is local")
    for module in _IN_KERNEL:
        _forget(module)


def _forget(name: str) -> None:
    if sys.modules.pop(name, None) is not None:
        parent, _, child = name.rpartition(".")
        with contextlib.suppress(KeyError, AttributeError):
            delattr(sys.modules[parent], child)


def _is_module_installed(module: ModuleType | None, folders: tuple[str, ...]) -> bool:
    file = getattr(module, "__file__", None)
    # Some modules that exist in memory alone have a name of a file without a folder.
    return not isinstance(file, str) or not os.path.isabs(file) or _lies_in(file, folders)  # noqa: PTH117


def _lies_in(path: str, folders: tuple[str, ...]) -> bool:
    return path.startswith(folders) or os.path.realpath(path).startswith(folders)


def _open_files() -> set[str]:
    return {name for name in os.listdir(_FILES) if _exists(f"{_FILES}/{name}")}  # noqa: PTH208


def _exists(link: str) -> bool:
    try:
        os.readlink(link)  # noqa: PTH115
    except OSError:
        return False  # the listing's own
    return True


def _has_threads() -> bool:
    """Whether threads are left at a fork; numerical libraries end theirs before one."""
    if len(os.listdir(_TASKS)) == 1:  # noqa: PTH208
        return False
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return len(os.listdir(_TASKS)) > 1  # noqa: PTH208


@contextlib.contextmanager
def _written() -> Iterator[Any]:
    """Give a function that tells what was written to standard output and error."""
    memory = os.memfd_create("nbexp")
    kept = [os.dup(1), os.dup(2)]
    text = ""
    try:
        os.dup2(memory, 1)
        os.dup2(memory, 2)
        yield lambda: text
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        text = os.pread(memory, _SHOWN, 0).decode(errors="replace")
        for number, copy in enumerate(kept, start=1):
            os.dup2(copy, number)
            os.close(copy)
        os.close(memory)


@contextlib.contextmanager
def _asked_for_shell() -> Iterator[Any]:
    """Give a function that tells whether anything asked IPython for its shell, as `shown` does."""
    shell: Any = sys.modules.get("IPython.core.interactiveshell")
    if shell is None:
        yield list
        return
    uses: list[str] = []

    def initialized(_: Any) -> bool:
        uses.append("asks for the shell")
        return False

    # It is inherited, so that taking our own away brings it back.
    shell.InteractiveShell.initialized = classmethod(initialized)
    try:
        yield lambda: uses
    finally:
        del shell.InteractiveShell.initialized


class Fingerprint:
    """What was imported, as it was on disk.

    Args:
        folders: Those of installed packages.
    """

    def __init__(self, folders: tuple[str, ...]) -> None:
        self._folders = {folder: _changed(folder) for folder in folders}
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        self._files = {file: _changed(file) for file in files if isinstance(file, str)}
        self._next_look = 0.0

    def is_current(self) -> bool:
        """Whether nothing was installed since, nor, as of a second ago, any file changed."""
        if any(_changed(folder) != at for folder, at in self._folders.items()):
            return False
        if time.monotonic() < self._next_look:
            return True
        self._next_look = time.monotonic() + _LOOK_S
        return all(_changed(file) == at for file, at in self._files.items())


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - two thousand of them, often
    except OSError:
        return 0
