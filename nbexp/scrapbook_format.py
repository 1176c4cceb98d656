"""How scrapbook, and papermill before it, keep values in the outputs of a notebook.

A value is an output whose data has, under a MIME type that names the encoder, a table of ``name``,
``data``, ``encoder`` and ``version``; the output's metadata says what it is, under `ABOUT`. A value
of papermill's old ``record`` is an item of a table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ABOUT = "scrapbook"
VERSION = 1
RECORD = "application/papermill.record+json"
# The words of its tables: where they are keys, nothing may alter them.
WORDS = frozenset({"data", "name", "encoder", "version", "display", ABOUT})
_SCRAP = re.compile(r"application/scrapbook\.scrap\.(.+)\+json")


def mime_of(encoder: str) -> str:
    """Return the MIME type of a value with an encoder, such as ``json``, ``text`` or ``pandas``."""
    return f"application/scrapbook.scrap.{encoder}+json"


def encoder_of(mime: str) -> str | None:
    """Return the encoder that a MIME type names, or None for one that is no scrapbook value's."""
    match = _SCRAP.fullmatch(mime)
    return match[1] if match else None


def is_value(mime: str) -> bool:
    """Whether data of a MIME type is a recorded value, and nothing to look at."""
    return mime == RECORD or encoder_of(mime) is not None


def about(output: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an output's metadata says of a value in it; empty where it holds none."""
    metadata = output.get("metadata")
    found = metadata.get(ABOUT) if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}
