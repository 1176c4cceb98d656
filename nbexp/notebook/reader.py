"""Read the scraps of an executed notebook; one that can't be read never hides the others."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbexp.scrapbook_format import RECORD, about, encoder_of

_PARQUET = b"PAR1"
DEEPEST = 100  # lists and dicts within each other; many readers give up on a thousand
# What messages make of numbers that are not finite in data that was glued by scrapbook.
_NOT_FINITE = frozenset({"nan", "inf", "-inf"})


@dataclass(frozen=True)
class Scraps:
    """What a notebook glued; where a name was glued twice, the last value counts.

    Attributes:
        values: JSON values and texts, by name.
        frames: DataFrames as parquet files, by name.
        displays: MIME bundles of what was recorded as it looks, by name.
        unreadable: Why a scrap can't be read, by name.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    frames: Mapping[str, bytes] = field(default_factory=dict)
    displays: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)


def scraps(nb: Mapping[str, Any]) -> Scraps:
    """Return the scraps of a notebook.

    Args:
        nb: A notebook of nbformat 4, as a node or a dict; its scraps may come from `nbexp.glue`,
            `scrapbook.glue` or papermill's old `record`.
    """
    reading = _Reading()
    for output in _outputs(nb):
        for mime, payload in output.get("data", {}).items():
            reading.take(mime, payload)
        reading.take_display(output)
    return Scraps(reading.values, reading.frames, reading.displays, reading.unreadable)


def depth(value: Any) -> int:
    """Return how deep lists and tables of a JSON value are nested."""
    if not isinstance(value, list | dict):
        return 0
    items = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth, items), default=0)


def _outputs(nb: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for cell in nb.get("cells", []):
        yield from cell.get("outputs", [])


class _Reading:
    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.frames: dict[str, bytes] = {}
        self.displays: dict[str, Mapping[str, Any]] = {}
        self.unreadable: dict[str, str] = {}

    def take(self, mime: str, payload: Any) -> None:
        encoder = encoder_of(mime)
        if encoder is not None:
            self._take_scrap(encoder, payload)
        elif mime == RECORD and isinstance(payload, Mapping):
            for name, data in payload.items():
                self._put(name, "json", data)

    def _take_scrap(self, encoder: str, payload: Any) -> None:
        if isinstance(payload, Mapping) and isinstance(payload.get("name"), str):
            self._put(payload["name"], payload.get("encoder", encoder), payload.get("data"))
        else:
            self.unreadable[f"({encoder})"] = "its payload is no table with a name"

    def _put(self, name: str, encoder: str, data: Any) -> None:
        for kind in (self.values, self.frames, self.displays, self.unreadable):
            kind.pop(name, None)
        try:
            if encoder == "pandas":
                self.frames[name] = _parquet(data)
            else:
                self.values[name] = _writable(_value(encoder, data))
        except ValueError as error:
            self.unreadable[name] = str(error)

    def take_display(self, output: Mapping[str, Any]) -> None:
        metadata = output.get("metadata", {})
        scrap = about(output)
        name = scrap.get("name") if scrap.get("display") else None
        name = name or (metadata.get("papermill") or {}).get("name")
        if name:
            bundle = output.get("data", {})
            shown = {mime: data for mime, data in bundle.items() if encoder_of(mime) is None}
            self.displays[name] = shown


def _value(encoder: str, data: Any) -> Any:
    if encoder == "text":
        return data if isinstance(data, str) else str(data)
    if encoder != "json":
        raise ValueError(f"the encoder {encoder!r} is not known here (json, text, pandas are)")
    if not isinstance(data, str):
        return _with_numbers(data)
    try:
        return json.loads(data)
    except ValueError:
        return _with_numbers(data)


def _writable(value: Any) -> Any:
    """Return a value that files can hold, as deep as they can hold it."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
        if depth(value) > DEEPEST:
            raise RecursionError  # noqa: TRY301
    except UnicodeEncodeError:
        raise ValueError("it holds half of a character, which UTF-8 can't hold") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _with_numbers(data: Any) -> Any:
    """Return JSON data with the texts ``nan``, ``inf`` and ``-inf`` as numbers again."""
    if isinstance(data, str):
        return float(data) if data in _NOT_FINITE else data
    if isinstance(data, Mapping):
        return {key: _with_numbers(item) for key, item in data.items()}
    if isinstance(data, list):
        return [_with_numbers(item) for item in data]
    return data


def _parquet(data: Any) -> bytes:
    content = base64.b64decode(data, validate=True) if isinstance(data, str) else b""
    if not content.startswith(_PARQUET):
        raise ValueError("its data is no parquet file in base64")
    return content
