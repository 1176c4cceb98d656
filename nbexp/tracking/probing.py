"""Whether an MLflow server answers at all, within seconds; MLflow itself tries for minutes."""

from __future__ import annotations

import urllib.error
from http.client import HTTPException
from urllib.parse import urlsplit

_ANSWER_S = 4.0
_GATEWAY = {502, 503, 504}  # said by a proxy whose server is away


def why_unreachable(uri: str) -> str | None:
    """Return why the server at a tracking URI does not answer; None if it does, or is none.

    Whatever it answers counts, as that one must log in: MLflow knows what to do with it.
    """
    if urlsplit(uri).scheme not in ("http", "https"):
        return None
    from urllib.request import Request, urlopen

    parts = urlsplit(uri)
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    try:
        with urlopen(Request(f"{plain}/health"), timeout=_ANSWER_S):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answers {error.code} {error.reason}" if error.code in _GATEWAY else None
    except urllib.error.URLError as error:
        is_certificate = "certificate" in str(error.reason).lower()
        return None if is_certificate else f"{error.reason}"
    except TimeoutError:
        return f"no answer within {_ANSWER_S:g} s"
    except (OSError, HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"
