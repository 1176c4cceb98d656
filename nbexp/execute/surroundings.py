"""What a process has once, and a notebook that runs in it takes for its own.

A kernel that is a process has its own environment, folder, path and modules. One that runs in the
process of nbexp gets them for as long as its code runs, and the process has its own again whenever
it goes on by itself.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import importlib
import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from nbexp.call_variables import environment, set_environment
from nbexp.observe.names import installed_prefixes

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_OF_SYS = ("argv", "stdin", "stdout", "stderr", "displayhook", "excepthook", "breakpointhook")
_OF_BUILTINS = ("input", "get_ipython", "display")
_TORCH_SEED = 67280421310721  # with which torch begins
_UNTOLD = (ResourceWarning, ImportWarning, PendingDeprecationWarning, DeprecationWarning)
_MISSING = object()


@dataclass(frozen=True)
class Surroundings:
    """What a process has once, as it was at a moment.

    Attributes:
        environment: The environment variables.
        folder: The current folder; None where it is gone.
        path: What `sys.path` holds.
        attributes: Names of `sys` and `builtins` that programs replace.
        main: The module ``__main__``.
        shells: IPython's shell, by the classes that know it.
        filters: What is done with warnings.
        root: Level and handlers of the logger above all others.
        handlers: What is called at the signals that end a run; none outside of the main thread.
        loop: The event loop that runs in this thread.
    """

    environment: dict[str, str]
    folder: str | None
    path: list[str]
    attributes: dict[tuple[ModuleType, str], Any]
    main: ModuleType | None
    shells: dict[Any, Any]
    filters: list[Any]
    root: tuple[int, list[logging.Handler]]
    handlers: dict[int, Any]
    loop: Any

    @classmethod
    def now(cls) -> Surroundings:
        """Return those of this moment."""
        names = [*((sys, name) for name in _OF_SYS), *((builtins, name) for name in _OF_BUILTINS)]
        root = logging.getLogger()
        return cls(
            environment=environment(),
            folder=_folder(),
            path=list(sys.path),
            attributes={(home, name): getattr(home, name, _MISSING) for home, name in names},
            main=sys.modules.get("__main__"),
            shells={each: each._instance for each in _shell_classes()},
            filters=list(warnings.filters),
            root=(root.level, list(root.handlers)),
            handlers={each: signal.getsignal(each) for each in ENDING if _is_main_thread()},
            loop=asyncio._get_running_loop(),
        )

    def restore(self) -> None:
        """Have all of it as it was."""
        set_environment(self.environment)
        if self.folder is not None:
            with contextlib.suppress(OSError):  # it was removed
                os.chdir(self.folder)
        sys.path[:] = self.path
        for (home, name), value in self.attributes.items():
            if value is not _MISSING:
                setattr(home, name, value)
            elif hasattr(home, name):
                delattr(home, name)
        if self.main is not None:
            sys.modules["__main__"] = self.main
        for each in _shell_classes():
            each._instance = self.shells.get(each)
        warnings.resetwarnings()
        warnings.filters.extend(self.filters)  # type: ignore[attr-defined] # it is a list
        root = logging.getLogger()
        level, root.handlers[:] = self.root
        root.setLevel(level)
        for number, handler in self.handlers.items():
            if handler is not None:  # one of C's
                signal.signal(number, handler)
        asyncio._set_running_loop(self.loop)


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - not a Path: it may be gone when it is restored
    except OSError:  # a cell has removed the folder that it went to
        return None


class Modules:
    """The modules of the user's own, which a notebook imports anew and leaves to no other.

    Args:
        folders: Where those lie that may have been imported before, and are out of sight until
            `forget`.
    """

    def __init__(self, folders: Collection[Path]) -> None:
        self._hidden = {
            name: module
            for name, module in list(sys.modules.items())
            if name != "__main__" and _lies_in(module, folders)
        }
        for name in self._hidden:
            del sys.modules[name]
        self._before = dict(sys.modules)
        importlib.invalidate_caches()

    def forget(self) -> None:
        """Forget what was imported meanwhile, but for what is installed: that may not load twice.

        Libraries stay, as compiled ones must, with what the notebook has set in them.
        """
        installed = (*installed_prefixes(), "<")
        for name, module in list(sys.modules.items()):
            if name not in self._before and not _is_installed(name, module, installed):
                del sys.modules[name]
        for name, module in {**self._before, **self._hidden}.items():
            sys.modules.setdefault(name, module)


def begin_anew() -> None:
    """Have what was imported already begin as in a new process, as far as is known."""
    warnings.resetwarnings()
    for category in _UNTOLD:
        warnings.simplefilter("ignore", category)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
    random.seed()
    if (numpy := sys.modules.get("numpy")) is not None and hasattr(numpy, "random"):
        numpy.random.seed()
    if (torch := sys.modules.get("torch")) is not None and hasattr(torch, "manual_seed"):
        torch.manual_seed(_TORCH_SEED)
    if (plots := sys.modules.get("matplotlib.pyplot")) is not None:
        plots.close("all")
        sys.modules["matplotlib"].rc_file_defaults()


def _shell_classes() -> Iterable[Any]:
    """Return the classes that know IPython's shell of this process."""
    module = sys.modules.get("ipykernel.inprocess.ipkernel")
    return module.InProcessInteractiveShell._walk_mro() if module is not None else ()


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _files_of(module: Any) -> list[str]:
    """Return the files or folders of a module; none of one that was made by a program."""
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return [file]
    try:
        return [str(each) for each in getattr(module, "__path__", ())]
    except Exception:  # a module may be anything
        return []


def _lies_in(module: Any, folders: Collection[Path]) -> bool:
    return any(
        Path(file).is_relative_to(folder)
        for file in _files_of(module)
        if not file.startswith(installed_prefixes())
        for folder in folders
    )


def _is_installed(name: str, module: Any, installed: tuple[str, ...]) -> bool:
    files = _files_of(module)
    if not files:
        return name in sys.builtin_module_names or getattr(module, "__spec__", None) is not None
    return all(file.startswith(installed) for file in files)
