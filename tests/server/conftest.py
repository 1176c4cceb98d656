"""A server on loopback, in a thread; and folders with notebooks and a run to look at."""

from __future__ import annotations

import asyncio
import http.client
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

import nbexp
from nbexp.files import append_line, write_json
from nbexp.metrics import Entry
from nbexp.run.writer import RunWriter
from nbexp.runs.events import EventKind, EventLog, Events
from nbexp.runs.record import VariantRecord
from nbexp.server import LocalStore, Store, View, handlers
from nbexp.server.access import Access

START = 1_790_000_000.0


def write_notebook(path: Path, *sources: str, output: str = "", **params: Any) -> Path:
    """Write a notebook with parameters as papermill writes them down."""
    outputs = [new_output("stream", name="stdout", text=output)] if output else []
    cells = [new_markdown_cell("# A notebook", id="title")]
    cells += [
        new_code_cell(source, outputs=outputs, id=f"c{at}") for at, source in enumerate(sources)
    ]
    metadata = {"papermill": {"parameters": params}} if params else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)
    return path


class GoingRun:
    """A run that goes on for as long as the test wants."""

    def __init__(self, root: Path, *variants: str) -> None:
        write_notebook(
            root / "templates" / "train.ipynb", "from nbexp import glue\nglue('score', 1)"
        )
        stage = nbexp.Stage("train", notebook="templates/train.ipynb", metric="score", mode="max")
        pipeline = nbexp.Pipeline("going", [stage], folder=root)
        self.folder = RunWriter.create(pipeline.spec)
        self.path = self.folder.path
        self._events = Events([EventLog(self.folder)])
        about = {"stages": ["train"], "metrics": {"train": ["score", "max", "last"]}}
        run = {"run": self.folder.id, "pipeline": "going"}
        self._events.emit(EventKind.RUN_STARTED, **run, **about)
        for name in variants:
            self._events.emit(EventKind.VARIANT_ADDED, **self._told(name), lineage={})

    def start(self, name: str, **params: Any) -> None:
        folder = self.folder.variant(name).path
        folder.mkdir()
        record = VariantRecord(
            name, "train", name, params, {}, "k" * 64, {"code": "c"}, "templates/train.ipynb"
        )
        write_json(folder / "variant.json", vars(record))
        self._events.emit(EventKind.VARIANT_STARTED, **self._told(name), attempt=1)
        self.write(name, "print('begun')")

    def write(self, name: str, *sources: str) -> None:
        write_notebook(self.folder.variant(name).path / "notebook.ipynb", *sources, lr=0.5)

    def log(self, name: str, step: int, **values: float) -> None:
        record = Entry(START + step, step, values, {}).to_record()
        append_line(self.folder.variant(name).path / "metrics.jsonl", record)
        self._events.emit(EventKind.METRICS, **self._told(name), entries=[record])

    def say(self, name: str, text: str) -> None:
        with (self.folder.variant(name).path / "log.txt").open("a") as log:
            log.write(text)

    def end_variant(self, name: str, metric: float) -> None:
        self._events.emit(EventKind.VARIANT_ENDED, **self._told(name), state="finished",
                          duration_s=1.5, error=None, note="", metric=metric)  # fmt: skip

    def end(self) -> None:
        self._events.emit(EventKind.RUN_ENDED, state="finished")
        self.folder.unlock()

    def _told(self, name: str) -> dict[str, str]:
        return {"variant": name, "stage": "train", "label": name}


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Served:
    """A server that listens on loopback."""

    def __init__(self, port: int, view: View) -> None:
        self.port = port
        self.view = view
        self.asked: list[str] = []  # the paths that it was asked for
        self.address = f"http://127.0.0.1:{port}{view.base_url}"

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Return the answer for a path, which is sent as it is written."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()


@contextmanager
def serving(store: Store, token: str | None = None, base_url: str = "") -> Iterator[Served]:
    view, (socket,) = View(store, base_url), bind_sockets(0, "127.0.0.1")
    port = socket.getsockname()[1]
    loop, is_ready = asyncio.new_event_loop(), threading.Event()
    stopped = asyncio.Event()

    served = Served(port, view)

    def note(handler: RequestHandler) -> None:
        served.asked.append(handler.request.path)

    async def serve() -> None:
        rules = handlers(view, Access(token, "127.0.0.1", port))
        server = HTTPServer(Application(rules, log_function=note))
        server.add_sockets([socket])
        is_ready.set()
        await stopped.wait()
        server.stop()
        await server.close_all_connections()
        await loop.shutdown_default_executor()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    is_ready.wait()
    try:
        yield served
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()
        view.close()


@contextmanager
def run_view(*arguments: object, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start ``nbexp view``, whose temporary files go into a folder; yield it and its address."""
    command = [sys.executable, "-m", "nbexp", "view", *map(str, arguments)]
    environment = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            match = re.search(r"http://\S+", line)
            assert match, line + process.stdout.read()
            yield process, match[0]
        finally:
            process.kill()


@pytest.fixture
def viewing() -> Callable[..., Any]:
    return run_view


@pytest.fixture
def serve() -> Callable[..., Any]:
    return serving


@pytest.fixture
def notebooks(tmp_path: Path) -> Path:
    """Return a folder with notebooks of all kinds."""
    root = tmp_path / "notebooks"
    write_notebook(root / "a b" / "first.ipynb", "fit(lr)", output="Accuracy 0.91\n", lr=0.001)
    write_notebook(root / "a b" / "second.ipynb", "fit(lr)", lr=0.1, optimizer={"name": "adam"})
    tagged = new_code_cell("lr = 0.01\nname = 'deep net'", metadata={"tags": ["parameters"]})
    nbformat.write(new_notebook(cells=[tagged]), root / "plain.ipynb")
    (root / "broken.ipynb").write_text("{")
    (root / "data <1>.csv").write_text("a,b\n")
    (root / "page.html").write_text("<script>alert(1)</script>")
    (root / ".secret").write_text("token")
    (root / ".hidden").mkdir()
    write_notebook(root / ".hidden" / "hidden.ipynb", "lr")
    (tmp_path / "outside.txt").write_text("outside")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "away").symlink_to(tmp_path)
    (root / "to-secret").symlink_to(root / ".secret")
    return root


@pytest.fixture
def served(notebooks: Path) -> Iterator[Served]:
    with serving(LocalStore(notebooks)) as found:
        yield found


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., GoingRun]]:
    """Begin a run of variants by name; all are over after the test."""
    begun: list[GoingRun] = []

    def start(*variants: str) -> GoingRun:
        begun.append(GoingRun(tmp_path / "project", *variants))
        return begun[-1]

    yield start
    for run in begun:
        run.folder.unlock()


@pytest.fixture
def going(begin) -> GoingRun:
    run: GoingRun = begin("train-a", "train-b", "train-c")
    return run
