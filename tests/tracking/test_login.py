"""User and password of an MLflow server: it gets them, and no text does."""

from __future__ import annotations

import base64
import logging
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nbexp.errors import RunError
from nbexp.tracking.connection import Connection


class Handler(BaseHTTPRequestHandler):
    """Answers as MLflow does that has nothing, and keeps who asked."""

    asked: list[str]

    def do_POST(self) -> None:
        self.asked.append(self.headers.get("Authorization", ""))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Handler.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_server_is_told_who_asks_while_it_is_used(server, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "another")
    connection = Connection(f"http://us%20er:pAs%40s@127.0.0.1:{server.server_port}")
    connection.client().search_experiments()
    assert Handler.asked[-1] == f"Basic {base64.b64encode(b'us er:pAs@s').decode()}"
    assert connection.variables == {
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{server.server_port}",
        "MLFLOW_TRACKING_USERNAME": "us er",
        "MLFLOW_TRACKING_PASSWORD": "pAs@s",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    connection.close()
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "another"
    assert "MLFLOW_TRACKING_PASSWORD" not in os.environ


@pytest.mark.parametrize(
    "uri",
    ["postgresql+none://user:pAs/s@host/db", "nonsense://user:pAs/s@host", "x://h?password=pAs/s"],
)
def test_address_that_mlflow_refuses_is_told_without_its_password(uri, caplog, capfd) -> None:
    connection = Connection(uri)
    with caplog.at_level(logging.DEBUG), pytest.raises(RunError) as told:
        connection.client().search_experiments()
    connection.close()
    assert not [t for t in (str(told.value), caplog.text, *capfd.readouterr()) if "pAs/s" in t]
