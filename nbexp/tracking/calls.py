"""Calls of MLflow's client, with what it reads from the environment while they last.

Only while they last: kernels and workers inherit this process's environment.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

from nbexp.call_variables import put_back, set_for_a_call
from nbexp.tracking.availability import Availability

# MLflow prints where in its server a run is, once that ends.
_SILENT = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
# By itself MLflow tries each call for minutes. What fails is entered later, by another run at last.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
_LIMITS_S = {"create_run": 4.0}  # a variant waits for it


class Calls:
    """The calls that are made of one MLflow, from any thread.

    Args:
        login: Variables that hold user and password.
        availability: Whether it is there.
    """

    def __init__(self, login: Mapping[str, str], availability: Availability) -> None:
        self.watch = availability.watch
        self._variables = {**_SILENT, **login}
        self._set_now: dict[str, str] = {}
        self._count = 0
        self._lock = threading.Lock()

    @contextmanager
    def made(self) -> Iterator[None]:
        """Set the variables, as long as any call lasts."""
        with self._lock:
            self._count += 1
            if self._count == 1:
                self._set()
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1
                if self._count == 0:
                    put_back(self._set_now)

    def _set(self) -> None:
        patience = {name: text for name, text in _PATIENCE.items() if name not in os.environ}
        self._set_now = {**self._variables, **patience}
        set_for_a_call(self._set_now)


class Client:
    """MLflow's client, each of whose methods is called with the variables set, and watched.

    Args:
        client: MLflow's own.
        calls: Sets them.
    """

    def __init__(self, client: Any, calls: Calls) -> None:
        self._client = client
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found

        limit_s = _LIMITS_S.get(name)

        @wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            # Around the watch: a call that is given up may last, and its variables must not.
            with self._calls.made():
                return self._calls.watch(partial(found, *args, **kwargs), limit_s=limit_s)

        return call
