"""Addresses of files as URLs, whatever characters their paths hold.

SQLAlchemy takes what follows ``?`` in a database's URL for options, and decodes ``%20`` since its
version 2.1, so that such paths are written in the way that the installed version reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

_CREDENTIALS = re.compile(r"(?<=://)[^\s/?#'\"]+@")
_SQLITE = "sqlite:///"
_SPECIAL = "?%"


def sqlite_url(file: Path) -> str:
    """Return SQLAlchemy's URL of an SQLite database, which MLflow takes as a tracking URI."""
    if not any(special in str(file) for special in _SPECIAL):
        return f"{_SQLITE}{file}"
    return next(url for url in _spellings(file) if sqlite_file(url) == file)


def sqlite_file(url: str) -> Path | None:
    """Return the file that SQLAlchemy opens for a URL, or None where it is no SQLite file's."""
    if not url.startswith(_SQLITE):
        return None
    if not any(special in url for special in _SPECIAL):
        name = url.removeprefix(_SQLITE)
    else:
        from sqlalchemy.engine import make_url

        parsed = make_url(url)
        name = parsed.database or ""
        if parsed.query.get("uri") in ("true", "1") and name.startswith("file:"):
            name = unquote(name.removeprefix("file:"))
    return None if name in ("", ":memory:") else Path(name)


def without_password(text: str) -> str:
    """Return a text in which no URL has a user's name or password."""
    return _CREDENTIALS.sub("***@", text)


def local_path(uri: str) -> Path | None:
    """Return the path that a ``file:`` URI or a plain path means, or None for another address."""
    parts = urlsplit(uri)
    if parts.scheme == "file" and not parts.netloc:
        return Path(unquote(parts.path))
    return Path(uri) if uri.startswith("/") else None


def folder_address(folder: Path) -> str:
    """Return a folder as MLflow takes it: its path, or its URI where MLflow would misread that."""
    return folder.as_uri() if any(special in str(folder) for special in "?%#;") else str(folder)


def _spellings(file: Path) -> Iterator[str]:
    """Yield ways to write a path with special characters, of which any version reads one.

    The slashes are encoded after the first special character: MLflow makes the parent folder of
    what it takes for the path, as it is written.
    """
    path = str(file)
    yield f"{_SQLITE}{path}"
    first = min(path.index(special) for special in _SPECIAL if special in path)
    head, name = path[: path.rindex("/", 0, first) + 1], path[path.rindex("/", 0, first) + 1 :]
    yield f"{_SQLITE}{head}{quote(name, safe='')}"
    yield f"{_SQLITE}file:{quote(path, safe='')}?uri=true"
