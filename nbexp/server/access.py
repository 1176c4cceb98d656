"""Who may look: those who have the token, at an address that is the server's own."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlencode

from tornado.httputil import split_host_and_port
from tornado.web import RequestHandler

# Whether a request may be answered; it may answer itself, as with a redirect.
Authorised = Callable[[RequestHandler], Awaitable[bool]]


class Access:
    """Lets in who has the token, which is exchanged for a cookie.

    Requests for other names than the server's are refused, or a web site that gives its own name
    this machine's address could read what the reader's browser may (DNS rebinding).

    Args:
        token: The token; None lets in everybody who reaches the server.
        host: The name that the server was given.
        port: Its port; cookies are for all ports of a machine, so that its name holds it.
    """

    def __init__(self, token: str | None, host: str, port: int) -> None:
        self._token = token
        self._names = {"localhost", host.lower(), socket.gethostname().lower()}
        self._cookie = f"nbexp-view-{port}"

    async def __call__(self, handler: RequestHandler) -> bool:
        """Whether a request may be answered."""
        if not self._is_own(handler.request.host):
            return False
        if self._token is None or self._is_token(handler.get_cookie(self._cookie)):
            return True
        if self._is_token(handler.get_query_argument("token", None)):
            handler.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict")
            handler.redirect(_without_token(handler))
        return False

    def _is_token(self, given: str | None) -> bool:
        return hmac.compare_digest((given or "").encode(), (self._token or "").encode())

    def _is_own(self, host: str) -> bool:
        name = split_host_and_port(host.lower())[0]
        return name.rstrip(".") in self._names or _is_address(name.strip("[]"))


def _is_address(name: str) -> bool:
    """Whether a name is an IP address, which no web site can take as its own."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _without_token(handler: RequestHandler) -> str:
    request = handler.request
    pairs = parse_qsl(request.query, keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in pairs if name != "token"])
    path = "/" + request.path.lstrip("/")  # //host would be another server's
    return f"{path}?{kept}" if kept else path
