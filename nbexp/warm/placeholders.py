"""What modules find of a kernel while a warm parent imports them; in a child, it is the kernel.

A module that is imported in a notebook finds IPython's shell, its kernel, their streams and a
`__main__` without a file, and may ask them for what decides its settings, or keep them. So there
are such objects in the parent as well, of the very same classes, but without content. In a forked
child they are given it: what was kept of them in the parent is the child's own shell or stream.

They can tell what they are, and no more. A module that does anything else with them when it is
imported (registers a function, writes, asks for a port) has to be imported in the kernel itself.

Imported by the warm parent, so it needs nothing but what a kernel needs.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import getpass
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import MethodType, ModuleType
from typing import Any

APPLICATION = "ipykernel.kernelapp.IPKernelApp"
CLASSES = {
    "kernel": "ipykernel.ipkernel.IPythonKernel",
    "shell": "ipykernel.zmqshell.ZMQInteractiveShell",
    "stream": "ipykernel.iostream.OutStream",
}
_PROMPTS = {"ps1": "In : ", "ps2": "...: ", "ps3": "Out: "}
_MAIN = "Automatically created module for IPython interactive environment"
_CONNECTION = "connection_file"  # each kernel's own
# What may be asked of all of them: which class, and which of its attributes there are.
_ASKED = {"__class__", "__doc__", "__module__", "has_trait", "_traits", "get_ipython"}
_ASKED_OF_STREAMS = {"encoding", "errors", "newlines", "buffer", "reconfigure"}


class Placeholders:
    """A shell, a kernel, its application, its streams and `__main__`, for imports to look at.

    Args:
        classes: Dotted names of the classes that a kernel has here, as in `CLASSES`.
        config: The configuration that kernels have here.
    """

    def __init__(self, classes: Mapping[str, str], config: Mapping[str, Any]) -> None:
        self._uses: list[str] = []
        self._main = ModuleType("__main__", doc=_MAIN)
        self._config = _config(config, self._uses)
        self._app, self._kernel, self._shell = (
            _empty(_found(name)) for name in (APPLICATION, classes["kernel"], classes["shell"])
        )
        stream = _found(classes["stream"])
        self._streams = {name: _silent(stream, self._uses) for name in ("stdout", "stderr")}
        shared = {"config": self._config}
        kernel = shared | {"kernel": self._kernel}
        self._answers: list[tuple[Any, dict[str, Any]]] = [
            (self._app, kernel | {"shell": self._shell, "log": logging.getLogger("IPKernelApp")}),
            (self._kernel, shared | {"shell": self._shell, "parent": self._app}),
            (self._shell, kernel | {"parent": self._kernel}),
        ]

    @contextlib.contextmanager
    def shown(self) -> Iterator[Callable[[], list[str]]]:
        """Have imports find them; give a function that tells what else was wanted of them."""
        self._uses.clear()
        references = sys.getrefcount(self._config)
        with contextlib.ExitStack() as stack:
            for instance, answers in self._answers:
                stack.enter_context(_watched(instance, answers, self._uses))
                stack.enter_context(_made_known(instance))
            for name, stream in self._streams.items():
                stack.enter_context(_replaced(sys, name, stream))
            stack.enter_context(_watched_streams(self._streams, self._uses))
            stack.enter_context(self._names())
            yield lambda: list(self._uses)
        if sys.getrefcount(self._config) > references:
            self._uses.append("keeps its configuration")

    @contextlib.contextmanager
    def _names(self) -> Iterator[None]:
        """Set what a kernel sets while a cell runs."""
        from IPython.display import display

        kernel, shell = self._kernel, self._shell
        with contextlib.ExitStack() as stack:
            stack.enter_context(_kept(vars(builtins), {
                "__IPYTHON__": True, "display": display,
                "get_ipython": MethodType(type(shell).get_ipython, shell),
                "input": MethodType(type(kernel).raw_input, kernel),
            }, without=("exit", "quit")))  # fmt: skip
            stack.enter_context(_kept(vars(sys), _PROMPTS))
            stack.enter_context(_kept(sys.modules, {"__main__": self._main}))
            stack.enter_context(
                _replaced(getpass, "getpass", MethodType(type(kernel).getpass, kernel))
            )
            yield

    @contextlib.contextmanager
    def made_real(self) -> Iterator[None]:
        """Have the kernel that is started meanwhile, in a child, be made of them."""
        for instance, _ in self._answers:
            vars(instance).clear()
            instance.setup_instance()
        shell, stream = self._shell, type(self._streams["stdout"])
        vars(shell)["prepare_user_module"] = self._prepare_user_module
        with contextlib.ExitStack() as stack:
            for instance, _ in self._answers:
                stack.enter_context(_made_of(instance))
            home = sys.modules[stream.__module__]
            stack.enter_context(_replaced(home, stream.__name__, self._make_stream))
            yield
        vars(shell).pop("prepare_user_module", None)

    def _prepare_user_module(self, user_module: Any = None, user_ns: Any = None) -> Any:
        if user_module is None and user_ns is None:
            user_module = self._main
        shell: Any = self._shell
        return type(shell).prepare_user_module(shell, user_module, user_ns)

    def _make_stream(self, session: Any, thread: Any, name: str, **kwargs: Any) -> Any:
        stream: Any = self._streams[name]
        vars(stream).clear()
        type(stream).__init__(stream, session, thread, name, **kwargs)
        return stream


def _found(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def _empty(cls: Any) -> Any:
    return cls.__new__(cls)


def _silent(cls: Any, uses: list[str]) -> Any:
    """Return a stream to which nothing is written; that it should be, is noted.

    Its methods may be kept: once the stream is made real, they are its own.
    """
    stream = _empty(cls)

    @functools.wraps(cls.write)
    def write(self: Any, text: str) -> Any:
        if _is_real(self):
            return cls.write(self, text)
        uses.append(f"prints when it is imported: {text}")
        return len(text)

    @functools.wraps(cls.flush)
    def flush(self: Any) -> None:
        if _is_real(self):
            cls.flush(self)

    vars(stream).update(write=MethodType(write, stream), flush=MethodType(flush, stream))
    return stream


def _is_real(stream: Any) -> bool:
    own = object.__getattribute__(stream, "__dict__")  # which nobody is asked for
    return "flush" not in own  # as an empty one has


def _config(config: Mapping[str, Any], uses: list[str]) -> Any:
    """Return a configuration that tells when it is asked for what each kernel has of its own."""
    from traitlets.config import Config

    class Section(Config):
        def __getitem__(self, key: str) -> Any:
            if key == _CONNECTION:
                uses.append(f"asks for its {key}")
            return super().__getitem__(key)

        def get(self, key: str, default: Any = None) -> Any:
            return self[key] if key == _CONNECTION else super().get(key, default)

        def items(self) -> Any:
            return [(key, self[key]) for key in self]

        def values(self) -> Any:
            return [self[key] for key in self]

    whole = Config(config)
    section = Section(whole.get("IPKernelApp", {}))
    dict.__setitem__(section, _CONNECTION, "kernel.json")
    dict.__setitem__(whole, "IPKernelApp", section)
    return whole


@contextlib.contextmanager
def _watched(instance: Any, answers: Mapping[str, Any], uses: list[str]) -> Iterator[None]:
    """Answer what may be asked of an object, and note what else is."""
    cls: Any = type(instance)
    ordinary, setting = cls.__getattribute__, cls.__setattr__

    def get(self: Any, name: str) -> Any:
        if self is instance:
            if name in answers:
                return answers[name]
            if name not in _ASKED:
                uses.append(f"asks for its {cls.__name__}.{name}")
        return ordinary(self, name)

    def put(self: Any, name: str, value: Any) -> None:
        if self is instance:
            uses.append(f"sets its {cls.__name__}.{name}")
        setting(self, name, value)

    cls.__getattribute__, cls.__setattr__ = get, put
    try:
        yield
    finally:
        del cls.__getattribute__, cls.__setattr__  # what is inherited shows again


@contextlib.contextmanager
def _watched_streams(streams: Mapping[str, Any], uses: list[str]) -> Iterator[None]:
    """Answer what may be asked of streams, and note what else is."""
    cls: Any = type(streams["stdout"])
    names = {id(stream): name for name, stream in streams.items()}
    ordinary = cls.__getattribute__

    def get(self: Any, name: str) -> Any:
        if id(self) not in names:
            return ordinary(self, name)
        answers = {"name": names[id(self)], "closed": False, "_isatty": False}
        if name in answers:
            return answers[name]
        if name not in {"isatty", "write", "flush", *_ASKED, *_ASKED_OF_STREAMS}:
            uses.append(f"asks for sys.{names[id(self)]}.{name}")
        return ordinary(self, name)

    cls.__getattribute__ = get
    try:
        yield
    finally:
        del cls.__getattribute__


@contextlib.contextmanager
def _made_known(instance: Any) -> Iterator[None]:
    """Have a singleton's class, and those above it, give this instance."""
    classes = list(type(instance)._walk_mro())
    for cls in classes:
        cls._instance = instance
    try:
        yield
    finally:
        for cls in classes:
            cls._instance = None


@contextlib.contextmanager
def _made_of(instance: Any) -> Iterator[None]:
    """Have the next object of a class be this one."""
    cls: Any = type(instance)
    ordinary = cls.__new__

    def new(made: Any, *args: Any, **kwargs: Any) -> Any:
        return instance if made is cls else ordinary(made, *args, **kwargs)

    cls.__new__ = new
    try:
        yield
    finally:
        del cls.__new__


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Replace an attribute; what has replaced it in turn meanwhile, stays."""
    before = vars(owner)[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        if vars(owner)[name] is value:
            setattr(owner, name, before)


@contextlib.contextmanager
def _kept(
    table: dict[str, Any], values: Mapping[str, Any], without: tuple[str, ...] = ()
) -> Iterator[None]:
    """Put values into a table, and take names out of it; then have those names as before."""
    before = {name: table[name] for name in (*values, *without) if name in table}
    table.update(values)
    for name in without:
        table.pop(name, None)
    try:
        yield
    finally:
        for name in values:
            table.pop(name, None)
        table.update(before)
