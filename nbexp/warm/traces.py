"""What imports keep of the process that they ran in, and how a forked kernel gets its own.

When it is imported, a module may take note of the process's number, its folder or the time, seed a
generator by chance, or register a function for the end. In a kernel that is forked later each of
these is to be as if the import had happened there: values that lie in a module or a class as they
were given are replaced, generators seeded, and functions registered again, in the same order. A
module that asks for what can't be replaced has to be imported in the kernel itself.

Imported by the warm parent, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
import random
import re
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

# They look for a place for files, for source text or for a common folder, and keep no folder.
_KEEP_NO_FOLDER = {"tempfile", "inspect", "posixpath", "pathlib", "genericpath", "ntpath", "glob"}
# Files that are read in the working folder, without asking for its name.
_READ_IN_FOLDER = {"matplotlib": "matplotlibrc", "numba": ".numba_config.yaml"}
_OWN = ("NBEXP_", "JPY_", "PYTEST_")  # which differ from kernel to kernel, whatever asks for them
_NUMBER = re.compile(r"(^|_)pid$", re.IGNORECASE)
_CLOCKS: tuple[Callable[[], float], ...] = (time.time, time.monotonic, time.perf_counter)
_NUMPY = ("Generator", "RandomState")


class Traces:
    """Finds what imports keep, and renews it.

    Args:
        environment: What imports find.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._asked: set[str] = set()
        self._folder = os.getcwd()  # noqa: PTH109 - compared as text
        self._number = os.getpid()
        self._since = [clock() for clock in _CLOCKS]
        self._filters = list[Any](warnings.filters)
        self._modules = set(sys.modules)
        self._generators: list[random.Random] = []
        self._drawn: set[int] = set()
        self._at_end: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []
        self._values: list[tuple[Any, str, Callable[[], Any]]] = []
        self._numpy: list[Any] = []

    @contextlib.contextmanager
    def watched(self) -> Iterator[Callable[[], str]]:
        """Watch an import; give a function that tells what of it can't be renewed, or nothing."""
        hooks, asking = _hooks(), set[str]()
        with contextlib.ExitStack() as stack:
            for owner, name, replacement in self._replacements(asking):
                stack.enter_context(_replaced(owner, name, replacement))
            yield lambda: self._reason(hooks, asking)

    def _replacements(self, asking: set[str]) -> list[tuple[Any, str, Callable[..., Any]]]:
        """Return what takes the places of functions that are worth watching."""
        seed, urandom, getcwd = random.Random.seed, random._urandom, os.getcwd  # type: ignore[attr-defined]
        environment = type(os.environ)
        get = environment.__getitem__

        def seeding(generator: random.Random, a: Any = None, version: int = 2) -> None:
            if a is None:
                self._generators.append(generator)
            seed(generator, a, version)

        def drawing(size: int) -> bytes:
            drawn: bytes = urandom(size)
            self._drawn.add(int.from_bytes(drawn))
            return drawn

        def registering(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            self._at_end.append((function, args, kwargs))
            return function

        def unregistering(function: Callable[..., Any]) -> None:
            self._at_end = [each for each in self._at_end if each[0] != function]

        def asking_where() -> str:
            asking.add(_caller())
            return getcwd()

        def getting(variables: Any, name: Any) -> str:
            if isinstance(name, str):  # some try bytes first, which are refused
                self._asked.add(name)
            return get(variables, name)

        return [
            (random.Random, "seed", seeding), (random, "_urandom", drawing),
            (atexit, "register", registering), (atexit, "unregister", unregistering),
            (os, "getcwd", asking_where), (environment, "__getitem__", getting),
        ]  # fmt: skip

    def _reason(self, hooks: Mapping[str, Any], asking: set[str]) -> str:
        changed = [name for name, hook in _hooks().items() if hook is not hooks[name]]
        if changed:
            return f"sets {changed[0]}"
        lost = {each for each in asking - _KEEP_NO_FOLDER if not self._has_folder(each)}
        return f"asks for the working folder in {min(lost)}" if lost else ""

    def _has_folder(self, module: str) -> bool:
        """Whether a module keeps the folder where it can be replaced."""
        values = _plain(vars(sys.modules.get(module, sys))).values()
        return any(self._below(value) is not None for value in values)

    def _below(self, value: Any) -> str | None:
        """Return the part of a path that comes after the folder, or None if it lies elsewhere."""
        text = str(value) if type(value) in (str, type(Path())) else ""
        before, folder, below = text.partition(self._folder)
        return below if folder and not before and below[:1] in ("", os.sep) else None

    def find(self) -> None:
        """Find, once all is imported, the values that are to be renewed."""
        modules = (sys.modules[name] for name in set(sys.modules) - self._modules)
        for module in (each for each in modules if isinstance(each, ModuleType)):
            own = [each for each in vars(module).values() if _is_class_of(each, module)]
            for owner in (module, *own):
                for name, value in _plain(vars(owner)).items():
                    if (renewed := self._renewed(name, value)) is not None:
                        self._values.append((owner, name, renewed))
        self._numpy = [each for each in _bit_generators() if self._is_seeded_by_chance(each)]

    def _renewed(self, name: str, value: Any) -> Callable[[], Any] | None:
        """Return what gives a value anew, if it is one of this process."""
        if type(value) is int and value == self._number and _NUMBER.search(name):
            return os.getpid
        if (below := self._below(value)) is not None:
            return lambda: type(value)(os.getcwd() + below)  # noqa: PTH109 - a text
        if type(value) is int and self._since[0] - 1 <= value <= time.time():
            return lambda: int(time.time())
        if type(value) is float:
            for clock, since in zip(_CLOCKS, self._since, strict=True):
                if since <= value <= clock():
                    return clock
        return None

    def _is_seeded_by_chance(self, bits: Any) -> bool:
        return getattr(getattr(bits, "seed_seq", None), "entropy", None) in self._drawn

    def refusal(self, folder: str, environment: Mapping[str, str]) -> str:
        """Return why imports would have gone otherwise for a kernel, or nothing if they wouldn't.

        Args:
            folder: The kernel's working folder.
            environment: Its environment.
        """
        for name in sorted(self._asked):
            if environment.get(name) != self._environment.get(name) and not name.startswith(_OWN):
                return f"what it imports asks for {name}"
        for module, name in _READ_IN_FOLDER.items():
            if module in sys.modules and os.path.lexists(f"{folder}/{name}"):
                return f"{module} reads {folder}/{name}"
        return ""

    def renew(self) -> None:
        """Give this process, which has been forked, values of its own."""
        for owner, name, renewed in self._values:
            setattr(owner, name, renewed())
        for generator in self._generators:
            generator.seed()
        for bits in self._numpy:
            bits.state = type(bits)().state
        _renew_own()

    @contextlib.contextmanager
    def put_off(self) -> Iterator[None]:
        """Have a kernel set itself up as if nothing had been imported, and then all of it.

        Otherwise it would close the handlers of log messages that imports have made, have its
        filters of warnings before theirs, and run its functions at the end before theirs.
        """
        names, handlers = dict(logging._handlers), logging._handlerList[:]  # type: ignore[attr-defined]
        filters, count = list[Any](warnings.filters), len(self._filters)
        can_split = filters[len(filters) - count :] == self._filters
        if can_split:
            _set_filters(self._filters)
        forget_handlers()
        yield
        logging._handlers.update(names)  # type: ignore[attr-defined]
        logging._handlerList.extend(handlers)  # type: ignore[attr-defined]
        if can_split:
            _set_filters([*filters[: len(filters) - count], *warnings.filters])
        for function, args, kwargs in self._at_end:
            atexit.register(function, *args, **kwargs)


def _bit_generators() -> list[Any]:
    """Return numpy's sources of random bits, by the generators that draw from them.

    That of `numpy.random` itself, which is seeded anyway, is left out.
    """
    found = [
        getattr(each, "bit_generator", None) or each._bit_generator
        for each in gc.get_objects()
        if type(each).__name__ in _NUMPY and type(each).__module__.startswith("numpy.random")
    ]
    numpy = sys.modules.get("numpy.random")
    own = numpy and numpy.mtrand._rand._bit_generator
    return [each for each in found if each is not own]


def forget_handlers() -> None:
    """Forget the handlers of log messages that there are."""
    logging._handlers.clear()  # type: ignore[attr-defined]
    logging._handlerList.clear()  # type: ignore[attr-defined]


def _set_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    mutated = getattr(warnings, "_filters_mutated", None) or warnings._filters_mutated_lock_held  # type: ignore[attr-defined]
    mutated()


def _renew_own() -> None:
    """Renew what Python itself has of a process, its time and of chance, and torch's generator."""
    threading.main_thread()._set_native_id()  # type: ignore[attr-defined]
    started = logging._startTime  # type: ignore[attr-defined]
    logging._startTime = time.time() if isinstance(started, float) else time.time_ns()  # type: ignore[attr-defined]
    if (process := sys.modules.get("multiprocessing.process")) is not None:
        vars(process)["ORIGINAL_DIR"] = os.getcwd()  # noqa: PTH109 - a text
        process.current_process().authkey = os.urandom(32)
    if (numpy := sys.modules.get("numpy.random")) is not None:
        numpy.seed()
    if (torch := sys.modules.get("torch")) is not None:
        torch.default_generator.seed()


def _hooks() -> dict[str, Any]:
    """Return what a kernel sets when it starts, which would be after an import."""
    events = sys.modules.get("asyncio.events")
    names = ("excepthook", "displayhook", "unraisablehook", "breakpointhook", "stdout", "stderr")
    hooks = {f"sys.{name}": getattr(sys, name) for name in names}
    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGUSR1, signal.SIGPIPE)
    return hooks | {
        "threading.excepthook": threading.excepthook,
        "the policy of event loops": getattr(events, "_event_loop_policy", None),
        **{f"a handler of {number.name}": signal.getsignal(number) for number in handled},
    }


def _caller() -> str:
    """Return the module that asks for the folder, past those that ask for others."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") in ("posixpath", "pathlib"):
        frame = frame.f_back
    return str(frame.f_globals.get("__name__"))


def _is_class_of(value: Any, module: ModuleType) -> bool:
    # Some objects answer for others, with a warning, when they are asked for their class.
    return issubclass(type(value), type) and value.__module__ == module.__name__


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    kinds = (int, str, float, type(Path()))
    return {name: value for name, value in list(table.items()) if type(value) in kinds}


@contextlib.contextmanager
def _replaced(owner: Any, name: str, replacement: Any) -> Iterator[None]:
    """Replace a function; modules that took hold of what replaces it get the function again."""
    before, modules = vars(owner)[name], set(sys.modules)
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, before)
        for module in set(sys.modules) - modules:
            table = getattr(sys.modules[module], "__dict__", {})
            for key in [key for key, value in list(table.items()) if value is replacement]:
                table[key] = before
