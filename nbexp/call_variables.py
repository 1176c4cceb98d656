"""Environment variables that a thread sets for as long as a call of its own lasts.

The environment is the process's, and a notebook may run in the same one (`nbexp run --inline`):
whoever sets or reads it as a whole has to know which of the variables are only there for a call.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

LOCK = threading.RLock()  # held by whoever changes the environment, or reads all of it
_before: dict[str, str | None] = {}


def set_for_a_call(variables: Mapping[str, str]) -> None:
    """Set variables until `put_back` is called with their names."""
    with LOCK:
        for name, value in variables.items():
            _before.setdefault(name, os.environ.get(name))
            os.environ[name] = value


def put_back(names: Mapping[str, str]) -> None:
    """Have variables as they were before the call."""
    with LOCK:
        for name in names:
            _change(name, _before.pop(name, None))


def environment() -> dict[str, str]:
    """Return the environment without what is only set for a call."""
    with LOCK:
        known = {**os.environ, **_before}
        return {name: value for name, value in known.items() if value is not None}


def set_environment(variables: Mapping[str, str]) -> None:
    """Have these environment variables and no others; those that are the same are left alone.

    What is set for a call stays as long as that lasts, and is then as it is to be now.
    """
    with LOCK:
        for name in os.environ.keys() | variables.keys() | _before.keys():
            if name in _before:
                _before[name] = variables.get(name)
            elif os.environ.get(name) != variables.get(name):
                _change(name, variables.get(name))


def _change(name: str, value: str | None) -> None:
    if value is not None:
        os.environ[name] = value
    else:
        os.environ.pop(name, None)
