"""Values that a notebook glued, as short lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from nbexp.render.texts import size_text
from nbexp.scrapbook_format import RECORD, encoder_of

_LONGEST = 100  # characters


def scrap_lines(data: Mapping[str, Any]) -> str:
    """Return a line for each value that a display holds in scrapbook's or papermill's format."""
    return "".join(
        f'<p class="nb-glued"><span class="nb-label">glued</span> {escape(str(name)[:200])} = '
        f"<code>{escape(_short(value))}</code></p>"
        for name, value in _values(data)
    )


def _values(data: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    for mime, payload in data.items():
        if not isinstance(payload, Mapping):
            continue
        if mime == RECORD:
            yield from payload.items()
        elif encoder_of(mime) is not None and "name" in payload:
            yield payload["name"], _plain(payload)


def _plain(payload: Mapping[str, Any]) -> Any:
    """Return the value; of one that is kept in a form for machines, what it is."""
    data, encoder = payload.get("data"), payload.get("encoder", "json")
    if encoder in ("json", "text", "string") or not isinstance(data, str):
        return data
    return f"{encoder}, {size_text(len(data) * 3 // 4)}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
