"""Whether MLflow is there: asked when a call fails or lasts, and left alone for a while if not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbexp.tracking.probing import why_broken, why_unreachable
from nbexp.tracking.sqlite import why_unusable
from nbexp.urls import without_password

_REST_S = 20.0  # for a server or database that went away, until it is asked again
_LOOK_S = 1.5  # of a call, until it is asked whether the server answers at all


class AwayError(ConnectionError):
    """MLflow was away a moment ago, or is away still."""


class Availability:
    """Whether one MLflow is there, as far as is known.

    Args:
        uri: Its tracking URI.
        database: The SQLite file behind it, or None.

    Attributes:
        away: Why it could not be reached when it was asked last; empty if it could.
        is_doubtful: Whether it may have done what nobody waited for.
    """

    def __init__(self, uri: str, database: Path | None) -> None:
        self.away = ""
        self.is_doubtful = False
        self._uri = uri
        self._database = database
        self._rests_until = 0.0
        self._asking: threading.Thread | None = None

    @contextmanager
    def circuit_breaker(self) -> Iterator[None]:
        """Leave a server or database alone for a while that is away; the run must go on.

        Raises:
            AwayError: It is away.
        """
        if self.away:
            self._ask_again()
            raise AwayError(self.away)
        try:
            yield
        except AwayError:
            raise
        except Exception as error:
            if self._is_away(why_broken):
                raise AwayError(self.away) from error
            raise

    def watch(self, call: Callable[[], Any], *, limit_s: float | None = None) -> Any:
        """Make a call; it is given up where the server does not answer any more.

        A database needs no watch: its calls wait for a lock within bounds.

        Args:
            call: The call.
            limit_s: How long it may last, whatever else the server answers.

        Raises:
            AwayError: The call was given up. It may be done later all the same.
        """
        if self._database is not None:
            return call()
        began, made = time.monotonic(), _begin(call)
        while not wait([made], timeout=_LOOK_S).done:
            is_late = limit_s is not None and time.monotonic() - began > limit_s
            if is_late:
                self._rest(f"no answer within {limit_s:g} s")
            if is_late or self._is_away():
                self.is_doubtful = True
                raise AwayError(self.away)
        return made.result()

    def _is_away(self, why_away: Callable[[str], str | None] = why_unreachable) -> bool:
        """Ask whether the server answers, or the database can be used; if not, it rests."""
        database = self._database
        why = why_unusable(database) if database is not None else why_away(self._uri)
        if why is None:
            self.away = ""
            return False
        self._rest(why)
        return True

    def _rest(self, why: str) -> None:
        can_not = "can't be reached" if self._database is None else "can't be used"
        again = f"it is asked again every {_REST_S:g} s"
        self.away = f"{without_password(self._uri)} {can_not}: {why}; {again}"
        self._rests_until = time.monotonic() + _REST_S

    def _ask_again(self) -> None:
        """Ask again in the background once it has rested: no variant waits for the answer."""
        is_asking = self._asking is not None and self._asking.is_alive()
        if not is_asking and time.monotonic() >= self._rests_until:
            self._asking = threading.Thread(target=self._is_away, args=(why_broken,), daemon=True)
            self._asking.start()


def _begin(call: Callable[[], Any]) -> Future[Any]:
    """Make a call in a thread for which the process does not wait when it ends."""
    future: Future[Any] = Future()

    def make() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=make, name="nbexp-mlflow-call", daemon=True).start()
    return future
