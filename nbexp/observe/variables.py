"""Hears which environment variables are asked for, one by one.

It runs in kernels too, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from nbexp.observe.calls import hear
from nbexp.observe.names import value_digest

# A launch's own, the same for all that a library does with it, or different on each machine.
_OWN = ("NBEXP_", "JPY_", "MLFLOW_", "RAY_", "PYDEVD_", "PYTEST_", "SETUPTOOLS_", "IPYKERNEL_")
_OWN_NAMES = frozenset({
    "PYTHONPATH", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS",
    "TERM", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "PAGER", "GIT_PAGER",  # ipykernel's
})  # fmt: skip
_UNSET = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # what ipykernel sets then
_OF_MACHINE = (
    "LC_", "XDG_", "SSH_", "DBUS_", "PYTHON", "CONDA", "VIRTUAL_ENV", "GIT_",
)  # fmt: skip
_NAMES_OF_MACHINE = frozenset({
    "PATH", "HOME", "TERM", "LANG", "LANGUAGE", "COLUMNS", "LINES", "PWD", "OLDPWD", "TMPDIR",
    "TEMP", "TMP", "DISPLAY", "USER", "LOGNAME", "USERNAME", "SHELL", "SHLVL", "HOSTNAME", "EDITOR",
    "PAGER", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "CLICOLOR", "TZ", "WAYLAND_DISPLAY",
})  # fmt: skip
_MAPPINGS = ("os", "collections.abc", "_collections_abc")
_OVER_ALL = ("__iter__", "copy", "popitem")  # functions of these that go through all of them
_getframe = sys._getframe


class Variables:
    """Tells of variables that the notebook's own code asks for, or has a library ask for.

    Args:
        tell: Called with a variable's name and a hash of its value, or None where it isn't set.
        is_own_code: Whether a frame belongs to the notebook's own code.
    """

    def __init__(
        self,
        tell: Callable[[str, str | None], None],
        is_own_code: Callable[[FrameType], bool],
    ) -> None:
        self._tell = tell
        self._is_own_code = is_own_code
        self._known: set[str] = set()
        self._copied: Any = None  # where all of them were gone through last
        self._environment = os.environ  # a notebook may put another in its place

    def watch(self) -> None:
        """Begin to listen, in the environment's own functions."""
        kind = type(self._environment)
        hear(kind, "__getitem__", self._asked, argument=1)
        hear(kind, "__iter__", self._gone_through)

    def set(self, name: Any) -> None:
        """Note that the process sets or unsets a variable itself."""
        self._known.add(os.fsdecode(name))

    def _gone_through(self, _environment: Any) -> None:
        caller = _getframe(2)
        while caller.f_globals.get("__name__") in _MAPPINGS and caller.f_back:
            caller = caller.f_back
        self._copied = _place(caller)

    def _asked(self, name: Any) -> None:
        with contextlib.suppress(Exception):
            name = os.fsdecode(name)
            if name not in self._known and not name.startswith(_OWN) and name not in _OWN_NAMES:
                self._asked_by(name, _getframe(2))

    def _asked_by(self, name: str, caller: FrameType) -> None:
        if _place(caller) == self._copied:
            return
        while caller.f_globals.get("__name__") in _MAPPINGS:
            if caller.f_code.co_name in _OVER_ALL or caller.f_back is None:
                return  # all of them are gone through
            caller = caller.f_back
        if self._is_own_code(caller) or self._is_asked_for(name, caller):
            self._known.add(name)
            value = self._value(name)
            self._tell(name, value_digest(None if value == _UNSET.get(name) else value))

    def _is_asked_for(self, name: str, frame: FrameType | None) -> bool:
        """Whether a library asks for a variable since the notebook's own code called it."""
        if name.startswith(_OF_MACHINE) or name in _NAMES_OF_MACHINE:
            return False
        while frame is not None and not frame.f_code.co_filename.startswith("<frozen importlib"):
            if self._is_own_code(frame):
                return True
            frame = frame.f_back
        return False

    def _value(self, name: str) -> str | None:
        try:
            return str(self._environment[name])
        except KeyError:
            return None


def _place(frame: FrameType) -> tuple[Any, ...]:
    """Return where a frame is; another one may get its id once it has ended, but not its code."""
    return id(frame), frame.f_code, frame.f_lasti
