"""The pages of a view as handlers of tornado, for a server of their own or another one's."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import re
from collections.abc import Callable
from html import escape
from typing import Any, TypeVar
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from nbexp.errors import NbexpError
from nbexp.server.access import Authorised
from nbexp.server.stores import is_missing
from nbexp.server.view import SERVER_POLICY, View

T = TypeVar("T")
_log = logging.getLogger(__name__)
_CHUNK = 1_000_000  # bytes read from a file at once
# Encoded slashes and the like: a path must not come to mean another one once it is decoded.
_ODD = re.compile(r"%(2f|5c|00)|\\|/\.\.?(/|$)|(%2e){1,2}(/|$)|/%2e", re.IGNORECASE)
# Outputs that are files of their own stay without an origin, however they are opened.
_ATTACHMENT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'unsafe-inline'; img-src data: blob:; font-src data:; media-src data: blob:; "
    "frame-ancestors 'self'"
)
_HEADERS = {
    "Content-Security-Policy": f"{SERVER_POLICY}; frame-ancestors 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",  # other ports are other origins, but same site
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Server": "nbexp",
}
_REMEDIES = {
    403: "Open the address that nbexp view printed when it was started: it has a token in it. "
    "From another machine, the address must begin with this one's name or number.",
    404: "It may have been moved or removed since, or it is hidden.",
    405: "This server only shows things; nothing can be changed by it.",
}


class Page(RequestHandler):
    """What all handlers share: who may ask, and what answers look like."""

    SUPPORTED_METHODS = ("GET", "HEAD")

    def initialize(self, view: View, authorised: Authorised) -> None:
        """Take what the rule gives."""
        self.view = view
        self._authorised = authorised

    def set_default_headers(self) -> None:
        """Set the headers of all answers."""
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    async def prepare(self) -> None:
        """Refuse who may not ask, and paths that are not what they seem."""
        if not await self._authorised(self):
            if not self._finished:
                raise HTTPError(403)
        elif self.request.method not in self.SUPPORTED_METHODS:
            raise HTTPError(405)
        elif _ODD.search(self.request.path):
            raise HTTPError(404)

    async def make(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what a function makes; in a thread, so that others are answered meanwhile."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(None, lambda: function(*arguments))
        except KeyError as error:
            raise HTTPError(404) from error
        except OSError as error:
            raise self._refusal(error) from error
        except NbexpError as error:
            raise HTTPError(502, reason="It can't be shown") from error

    def _refusal(self, error: OSError) -> HTTPError:
        """Return the answer where something can't be read, or the server lacks what it needs."""
        if is_missing(error):
            return HTTPError(404)
        if isinstance(error, PermissionError):
            return HTTPError(403)
        _log.error("%s can't be shown: %s", self.request.path, error)
        return HTTPError(500, reason="It can't be shown")

    async def head(self, *arguments: str) -> None:
        """Answer as to GET; tornado leaves the body out."""
        answer = self.get(*arguments)
        if answer is not None:
            await answer

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write a page that says what is wrong, and what to do."""
        error = kwargs.get("exc_info", (None, None))[1]
        cause = error.__cause__ if isinstance(error, HTTPError) else None
        remedy = _told(cause) or _REMEDIES.get(status_code, "The server's own output says more.")
        self.finish(_notice(f"{status_code}: {self._reason}", remedy))

    def redirect_to(self, path: str) -> None:
        """Redirect to another page of the view."""
        self.redirect(f"{self.view.base_url}{path}")

    async def send_file(self, path: str) -> None:
        """Send a file of the store, to be saved and never to be shown."""
        entry = await self.make(self.view.store.stat, path)
        if entry is None or entry.is_folder:
            raise HTTPError(404)
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(entry.name)}")
        self.set_header("Content-Length", str(entry.size))
        at, end = 0, entry.size if self.request.method == "GET" else 0
        while at < end:
            chunk = await self.make(self.view.store.read, path, at, min(_CHUNK, end - at))
            if not chunk:  # it was cut meanwhile
                break
            self.write(chunk)
            try:
                await self.flush()
            except StreamClosedError:  # who asked has gone
                return
            at += len(chunk)

    def send_attachment(self, name: str, content: bytes) -> None:
        """Send a big output of a notebook, which is not trusted."""
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.set_header("Content-Type", f"{kind}; charset=utf-8" if "text" in kind else kind)
        self.set_header("Content-Security-Policy", _ATTACHMENT_POLICY)
        self.finish(content)

    async def send_asset(self, name: str) -> None:
        """Send a style sheet or a script."""
        text = await self.make(self.view.asset, name)
        self.set_header("Content-Type", f"text/{'css' if name.endswith('.css') else 'javascript'}")
        self.finish(text)


class HomePage(Page):
    """The root: a run, or a folder."""

    async def get(self) -> None:
        """Redirect to it."""
        root = await self.make(self.view.store.stat, "")
        self.redirect(self.view.url(root) if root else "browse/")


class FolderPage(Page):
    """A folder."""

    async def get(self, path: str) -> None:
        """Show what is in it."""
        self.finish(await self.make(self.view.browse, path.rstrip("/")))


class SearchPage(Page):
    """What was found in a folder."""

    async def get(self, path: str) -> None:
        """Show it; a search for nothing is the folder."""
        text, path = self.get_query_argument("q", ""), path.rstrip("/")
        if text.strip():
            self.finish(await self.make(self.view.search, path, text))
        else:
            self.redirect_to(f"/browse/{quote(path)}{'/' if path else ''}")


class NotebookPage(Page):
    """A notebook."""

    async def get(self, path: str) -> None:
        """Show it."""
        self.finish(await self.make(self.view.notebook, path))


class RawFile(Page):
    """A file of the store."""

    async def get(self, path: str) -> None:
        """Send it."""
        await self.send_file(path)


class AssetFile(Page):
    """A style sheet or a script."""

    async def get(self, name: str) -> None:
        """Send it."""
        await self.send_asset(name)


class AttachmentFile(Page):
    """A big output of a notebook."""

    async def get(self, path: str) -> None:
        """Send it."""
        self.send_attachment(path, await self.make(self.view.attachment, path))


class RunPage(Page):
    """The pages of a run, and what they load."""

    async def get(self, path: str) -> None:
        """Show a page, or send what one loads."""
        _, own, page = await self.make(self.view.run, path.rstrip("/"))
        kind, _, rest = page.partition("/")
        if not page:
            self.redirect_to(f"/run/{quote(own)}{'/' if own else ''}index.html")
        elif page == "tensorboard":
            self.redirect(await self.make(self.view.board, path))
        elif kind == "assets":
            await self.send_asset(rest)
        elif kind == "files":
            await self.send_file(f"{own}/variants/{rest}".lstrip("/"))
        elif kind == "variants" and "/" in rest:
            self.send_attachment(page, await self.make(self.view.run_attachment, path))
        elif page.endswith(".json"):
            data = await self.make(self.view.run_data, path, self._argument)
            self.finish(dict(data))
        else:
            self.set_header("Content-Type", "text/javascript" if kind == "data" else "text/html")
            self.finish(await self.make(self.view.run_page, path))

    def _argument(self, name: str) -> str:
        return self.get_query_argument(name, "")


class MissingPage(Page):
    """What there is not."""

    async def get(self, *_: str) -> None:
        """Say so."""
        raise HTTPError(404)


def handlers(view: View, authorised: Authorised) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return the rules of a view for tornado, below its base URL.

    Args:
        view: What is shown.
        authorised: Whether a request may be answered; called before anything else is done. It may
            answer itself, as by a redirect.
    """
    paths = {
        "/": HomePage,
        "/browse/(.*)": FolderPage,
        "/search/(.*)": SearchPage,
        "/notebook/(.+)": NotebookPage,
        "/raw/(.+)": RawFile,
        "/run/(.*)": RunPage,
        "/assets/(.+)": AssetFile,
        "/aside/(.+)": AttachmentFile,
        "(?:/.*)?": MissingPage,
    }
    given = {"view": view, "authorised": authorised}
    return [(re.escape(view.base_url) + path, kind, given) for path, kind in paths.items()]


def _told(cause: BaseException | None) -> str:
    """Return what an error has to say to whoever looks at the page; no paths of the server."""
    if isinstance(cause, NbexpError):
        return str(cause)
    if isinstance(cause, PermissionError):
        return "The user that the server runs as may not read it."
    if isinstance(cause, OSError) and not is_missing(cause):
        return f"{cause.strerror or type(cause).__name__}. The server's own output says where."
    return ""


def _notice(title: str, text: str) -> str:
    style = (
        ":root{color-scheme:light dark}body{max-width:36rem;margin:18vh auto;padding:0 1.5rem;"
        "font:1rem/1.55 system-ui,sans-serif}h1{font-size:1.25rem}"
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{style}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(text)}</p></html>"
    )
