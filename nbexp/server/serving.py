"""A server of its own for a view."""

from __future__ import annotations

import asyncio
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from nbexp.errors import UsageError
from nbexp.server.access import Access
from nbexp.server.handlers import handlers
from nbexp.server.stores import Store
from nbexp.server.view import View

PORT = 8899
_TRIED = 50  # ports after the default one
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Options:
    """Where a server listens, and to whom.

    Attributes:
        host: The address it is bound to.
        port: Its port; 0 for any free one, None for the first free one from `PORT` on.
        has_token: Whether a token is needed.
    """

    host: str = LOOPBACK[0]
    port: int | None = None
    has_token: bool = True


def serve(store: Store, options: Options, announce: Callable[[str], None]) -> None:
    """Serve what is in a store until SIGINT, SIGTERM or SIGHUP comes.

    Args:
        store: Where the notebooks are.
        options: Where to listen, and to whom.
        announce: Called with the server's address once it listens.

    Raises:
        UsageError: The port is not free, or the address is not this machine's.
    """
    sockets = _bind(options)
    asyncio.run(_serve(store, options, sockets, announce))


async def _serve(
    store: Store,
    options: Options,
    sockets: list[socket.socket],
    announce: Callable[[str], None],
) -> None:
    stopped = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    port = sockets[0].getsockname()[1]
    token = secrets.token_urlsafe(24) if options.has_token else None
    view = View(store, has_boards=options.host in LOOPBACK)
    rules = handlers(view, Access(token, options.host, port))
    server = HTTPServer(Application(rules, log_function=lambda _: None))  # it would log tokens
    try:
        server.add_sockets(sockets)
        announce(_address(options.host, port, token))
        await stopped.wait()
    finally:
        server.stop()
        await server.close_all_connections()
        view.close()


def _bind(options: Options) -> list[socket.socket]:
    problem: OSError | None = None
    for port in _ports(options.port):
        try:
            return bind_sockets(port, options.host)
        except OSError as error:
            problem = error
    where = f"{options.host}:{options.port if options.port is not None else PORT}"
    raise UsageError(
        f"Can't listen on {where}: {problem}. Use --port 0 for any free one."
    ) from problem


def _ports(wanted: int | None) -> Iterator[int]:
    if wanted is not None:
        yield wanted
    else:
        yield from range(PORT, PORT + _TRIED)
        yield 0


def _address(host: str, port: int, token: str | None) -> str:
    name = {"0.0.0.0": socket.gethostname(), "": socket.gethostname(), "::": socket.gethostname()}
    shown = name.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/{f'?token={token}' if token else ''}"
