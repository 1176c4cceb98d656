"""A server that stops answering, or answers what makes no sense: nobody waits for it for long."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nbexp.tracking import availability
from nbexp.tracking.availability import Availability, AwayError
from nbexp.tracking.calls import Calls, Client


class Handler(BaseHTTPRequestHandler):
    """Answers that it is well, and all else with a status."""

    status = 500

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else self.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def broken() -> Iterator[Availability]:
    """A server that answers, but whose database does not."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Availability(f"http://127.0.0.1:{server.server_port}", None)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def silent() -> Iterator[Availability]:
    """A server that takes connections, and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Availability(f"http://127.0.0.1:{server.getsockname()[1]}", None)


@pytest.fixture
def endless() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_call_is_given_up_where_the_server_does_not_answer(silent, endless):
    with (
        pytest.raises(AwayError, match="can't be reached: no answer within 3 s"),
        silent.circuit_breaker(),
    ):
        silent.watch(endless.wait)
    assert silent.is_doubtful
    made = []
    with pytest.raises(AwayError), silent.circuit_breaker():
        made.append("it is left alone")
    assert made == []


def test_call_lasts_as_long_as_it_takes_where_the_server_answers(broken, endless, monkeypatch):
    monkeypatch.setattr(availability, "_LOOK_S", 0.01)
    assert broken.watch(lambda: endless.wait(0.5)) is False
    assert broken.away == ""
    with pytest.raises(AwayError, match=r"no answer within 0\.1 s"):
        broken.watch(endless.wait, limit_s=0.1)


def test_server_that_answers_errors_rests_and_is_asked_again(broken, monkeypatch):
    with pytest.raises(AwayError, match="it answers 500"), broken.circuit_breaker():
        raise ValueError
    monkeypatch.setattr(broken, "_rests_until", 0.0)
    monkeypatch.setattr(Handler, "status", 200)
    with pytest.raises(AwayError), broken.circuit_breaker():
        pass
    broken._asking.join()
    with pytest.raises(ValueError, match="of one call alone"), broken.circuit_breaker():
        raise ValueError("of one call alone")


def test_variables_of_a_call_that_is_given_up_are_put_back(silent, endless, monkeypatch):
    monkeypatch.setattr(availability, "_LOOK_S", 0.0)
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
    seen = []

    class Hangs:
        def search_runs(self) -> None:
            seen.append(os.environ["MLFLOW_TRACKING_PASSWORD"])
            endless.wait()

    client = Client(Hangs(), Calls({"MLFLOW_TRACKING_PASSWORD": "secret"}, silent))
    with pytest.raises(AwayError):
        client.search_runs()
    assert seen == ["secret"]
    assert "MLFLOW_TRACKING_PASSWORD" not in os.environ
