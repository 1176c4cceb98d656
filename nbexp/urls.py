"""Addresses of files as URLs, whatever characters their paths hold.

SQLAlchemy takes what follows ``?`` in a database's URL for options, and decodes ``%20`` since its
version 2.1, so that such paths are written in the way that the installed version reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

_LOGIN = re.compile(r"(?<=://)[^\s/?#'\"]+@")
# As SQLAlchemy reads it, whose passwords may hold a slash; a number there is a port.
_LOOSE_LOGIN = re.compile(r"(?<=://)([^\s:/?#@'\"]*):(?!\d+[/?#])([^\s@]+)@")
_QUERY = re.compile(
    r"(?<=[?&;])((?:\w*password|passwd|pwd|passphrase)=)([^&;\s'\"]+)", re.IGNORECASE
)
_MLFLOWS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")  # variables that are secrets
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
    text = _LOOSE_LOGIN.sub("***@", _LOGIN.sub("***@", text))
    return _QUERY.sub(r"\1***", text)


def passwords(uri: str) -> list[str]:
    """Return the password in an address, as it stands there and as it is meant."""
    found = [match[2] for match in _QUERY.finditer(uri)]
    if login := _LOGIN.search(uri):
        user, _, password = login[0][:-1].partition(":")
        found.append(password or user)  # a token alone
    elif loose := _LOOSE_LOGIN.search(uri):
        found.append(loose[2])
    return sorted({text for each in found for text in (each, unquote(each))})


def passwords_in(environment: Mapping[str, str]) -> list[str]:
    """Return the passwords by which MLflow is used in an environment."""
    own = [environment[name] for name in _MLFLOWS if environment.get(name)]
    return [*own, *passwords(environment.get("MLFLOW_TRACKING_URI", ""))]


def split_login(uri: str) -> tuple[str, dict[str, str]]:
    """Return a server's address without user and password, and the variables that hold them.

    MLflow prints the address of its server wherever it can; the variables it reads and never shows.
    Another address, which has nothing of that kind in MLflow, is returned as it is.
    """
    login = _LOGIN.search(uri)
    if login is None or not uri.lower().startswith(("http://", "https://")):
        return uri, {}
    user, _, password = login[0][:-1].partition(":")
    if not (user and password):  # MLflow reads its variables only where it finds both
        return uri, {}
    return _LOGIN.sub("", uri, count=1), {
        "MLFLOW_TRACKING_USERNAME": unquote(user),
        "MLFLOW_TRACKING_PASSWORD": unquote(password),
    }


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
