"""Whether an MLflow server answers at all, within seconds; MLflow itself tries for minutes."""

from __future__ import annotations

import os
import urllib.error
from base64 import b64encode
from collections.abc import Collection
from http.client import HTTPException
from urllib.parse import urlsplit

from nbexp.urls import split_login

_ANSWER_S = 3.0
_GATEWAY = range(502, 505)  # said by a proxy whose server is away
_BROKEN = range(500, 600)
_QUESTION = "api/2.0/mlflow/experiments/search?max_results=1"  # needs what is behind the server


def why_unreachable(uri: str) -> str | None:
    """Return why the server at a tracking URI does not answer; None if it does, or is none.

    Whatever it answers counts, as that one must log in: MLflow knows what to do with it.
    """
    return _why(uri, "health", _GATEWAY)


def why_broken(uri: str) -> str | None:
    """Return why a server, of which a call has failed, can't be used; None if the call was it."""
    return why_unreachable(uri) or _why(uri, _QUESTION, _BROKEN)


def _why(uri: str, path: str, bad: Collection[int]) -> str | None:
    if urlsplit(uri).scheme not in ("http", "https"):
        return None
    from urllib.request import Request, urlopen

    parts = urlsplit(uri)
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    try:
        request = Request(f"{plain}/{path}")
        if login := _login(uri):
            request.add_unredirected_header("Authorization", login)
        with urlopen(request, timeout=_ANSWER_S):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answers {error.code} {error.reason}" if error.code in bad else None
    except urllib.error.URLError as error:
        is_certificate = "certificate" in str(error.reason).lower()
        return None if is_certificate else f"{error.reason}"
    except TimeoutError:
        return f"no answer within {_ANSWER_S:g} s"
    except (OSError, HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def _login(uri: str) -> str:
    """Return how MLflow would log in; empty if it would not."""
    known = {**os.environ, **split_login(uri)[1]}
    user, password = (known.get(f"MLFLOW_TRACKING_{each}") for each in ("USERNAME", "PASSWORD"))
    if user and password:
        return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"
    token = known.get("MLFLOW_TRACKING_TOKEN")
    return f"Bearer {token}" if token else ""
