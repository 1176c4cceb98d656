"""Requests of any kind to `nbexp view`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from random import Random

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from fuzz._base import Case, Kind, expect
from fuzz.damage import make_whole_run
from fuzz.mutations import as_json, mutated_bytes
from fuzz.notebooks import mutated_notebook
from fuzz.projects import cell, notebook
from nbexp.server import LocalStore, View, handlers
from nbexp.server.access import Access

_TOKEN = "right-token"
_SECRET = b"what nobody may see"
_WAIT_S = 60.0
_ODD_WAIT_S = 0.5  # for what may have no answer, since it says that there is more to come
_PARTS = (
    "browse", "search", "notebook", "raw", "run", "assets", "aside", "..", ".", "", "%2e%2e",
    "..%2f", "%2f", "%5c", "%00", "%", "%zz", "%ff", "%ed%a0%80", "\\", "outside.txt", "away",
    "link.txt", ".secret", "plain.ipynb", "odd.ipynb", "project", "runs", "digits-0", "index.html",
    "variants", "train-1.html", "train-1", "notebook.ipynb", "files", "console", "train-1.json",
    "live.json", "tensorboard", "data", "data/run.js", "compare.html", "history.html", "stages",
    "page.css", "lib-plotly.js", "x" * 5000, "é", "a b", "~", "etc/passwd", "//evil.example", ";",
    "driver.lock", "events.jsonl", "logs.html", "train.html", "pipe", "*", "..;/", "log.txt",
)  # fmt: skip
_QUERIES = (
    "q=lr", "q=%00", "q=lr%3C", "q=%ff", f"token={_TOKEN}", "token=wrong", "token=%ff", "offset=-1",
    "offset=99999999999999999999", "offset=%C2%B2", "variant=../..", "variant=train-1",
    "q=" + "a" * 3000,
    "q=(((", "q='", "&&&", "=", "q=a&q=b", "offset=x", "q=score%3E0", "q=\"",
)  # fmt: skip
_NAMES = (
    "Host", "Cookie", "Range", "Origin", "If-None-Match", "Content-Length", "Accept-Encoding",
    "If-Modified-Since", "Transfer-Encoding",
)  # fmt: skip
_VALUES = (
    "", "x", "evil.example", "bytes=0-", "bytes=-1", "-1", "[::1", "é", "gzip", "chunked",
    "nbexp-view-1=é", "9" * 40,
)  # fmt: skip
_STATUSES = (200, 206, 301, 302, 304, 400, 403, 404, 405, 414, 416, 431, 502)


class Requests(Kind):
    """What a server answers that shows a folder with a bit of everything."""

    suite_cases = 60

    def __init__(self, material: Path) -> None:
        super().__init__(material)
        self._root = material / "root"
        _fill(self._root)
        self._server = _Server(self._root)

    def make(self, rng: Random, folder: Path) -> Case:  # noqa: ARG002 - it has its own
        if rng.random() < 0.1:
            (self._root / "odd.ipynb").write_bytes(mutated_notebook(rng, is_runnable=True))
        request, is_whole = _request(rng)
        what = f"the request {request!r} ({is_whole=})"
        return Case(what, lambda: self._check(request, is_whole=is_whole))

    def _check(self, request: bytes, *, is_whole: bool) -> None:
        answer = self._server.ask(request, _WAIT_S if is_whole else _ODD_WAIT_S)
        expect(_SECRET not in answer, "it answers with what lies outside or is hidden")
        if answer or is_whole:
            status = re.match(rb"HTTP/1\.[01] (\d+)", answer)
            told = f"it answers with {answer[:500]!r}"
            expect(status and int(status[1]) in _STATUSES, told)
        whole = self._server.ask(_get("/notebook/plain.ipynb"))
        expect(b" 200 " in whole[:20] and b"nb-cell" in whole, "another page is spoilt")

    def close(self) -> None:
        self._server.close()


def _request(rng: Random) -> tuple[bytes, bool]:
    """Return a request, and whether an answer must come."""
    path = "/" + "/".join(rng.choices(_PARTS, k=rng.choice((1, 2, 2, 3, 4, 6))))
    if rng.random() < 0.4:
        path = "/run/project/runs/digits-0/" + "/".join(
            rng.choices(_PARTS, k=rng.choice((1, 2, 3)))
        )
    if rng.random() < 0.4:
        path += "?" + "&".join(rng.choices(_QUERIES, k=rng.choice((1, 1, 2))))
    method = rng.choice(("GET", "GET", "GET", "GET", "HEAD", "POST", "PUT", "OPTIONS", "X", "get"))
    path = path.replace(" ", "%20")
    if rng.random() < 0.7:
        return _get(path, method), True
    odd = _get(path, method, {rng.choice(_NAMES): rng.choice(_VALUES)})
    return mutated_bytes(odd, rng) if rng.random() < 0.5 else odd, False


def _get(path: str, method: str = "GET", more: Mapping[str, str] | None = None) -> bytes:
    headers = {"Host": "127.0.0.1", "Cookie": f"nbexp-view-1={_TOKEN}", "Connection": "close"}
    headers |= more or {}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode(errors="surrogateescape")


def _fill(root: Path) -> None:
    root.mkdir()
    whole = as_json(notebook(cell("lr = 1", "parameters"), cell("print(lr)")))
    for name in ("plain.ipynb", "odd.ipynb"):
        (root / name).write_bytes(whole)
    (root.parent / "outside.txt").write_bytes(_SECRET)
    (root / ".secret").write_bytes(_SECRET)
    (root / "link.txt").symlink_to(root.parent / "outside.txt")
    (root / "away").symlink_to(root.parent)
    os.mkfifo(root / "pipe")
    (root / "project").mkdir()
    run = make_whole_run(root / "project", "digits-0")
    (run / "variants" / "train-1" / "artifacts" / "link").symlink_to(root.parent / "outside.txt")
    (run / "variants" / "train-1" / ".hidden").write_bytes(_SECRET)


class _Server:
    """A server on the loopback, in a thread.

    Args:
        root: The folder that it shows.
    """

    def __init__(self, root: Path) -> None:
        self._view = View(LocalStore(root), has_boards=False)
        (self._socket,) = bind_sockets(0, "127.0.0.1")
        self._port = self._socket.getsockname()[1]
        self._loop, self._stopped = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve()])
        self._thread.start()

    def ask(self, request: bytes, timeout_s: float = _WAIT_S) -> bytes:
        """Return all that comes for a request until the connection ends, or the time is over."""
        place, answer = ("127.0.0.1", self._port), bytearray()
        with socket.create_connection(place, timeout=timeout_s) as connection:
            # It ends the connection where a request makes no sense, before all of that is sent.
            with contextlib.suppress(ConnectionError, TimeoutError):
                connection.sendall(request)
                while chunk := connection.recv(65536):
                    answer += chunk
            return bytes(answer)

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()
        self._view.close()

    async def _serve(self) -> None:
        rules = handlers(self._view, Access(_TOKEN, "127.0.0.1", 1))
        server = HTTPServer(Application(rules, log_function=lambda _: None))
        server.add_sockets([self._socket])
        await self._stopped.wait()
        server.stop()
        await server.close_all_connections()
        await self._loop.shutdown_default_executor()
