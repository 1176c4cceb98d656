"""Mutations of bytes, texts and JSON values."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

# Values of all types and sizes, and texts that mean something somewhere.
ODD: list[Any] = [
    None, True, False, 0, -1, 1e400, -1e400, 5, 10**30, 2**63, 1e-320, "", "x", "\0", "\ud800",
    "../x", "/etc/passwd", "\x1b[2J\x1b]0;t\x07", "\u202e", "{}", "{0!r}", "%s", "${HOME}",
    "@train.model", "nan", "a" * 5000, [], {}, [[1], ["a", 2]], [None], {"": None},
    {"a": {"b": []}},
    {"$float": "nan"}, {"$float": "x"}, {"$map": 3}, {"grid": [1, 2]}, {"choice": []},
]  # fmt: skip
BYTES = (b"\0", b"\xff", b"\xed\xa0\x80", b"\x1b[2J", b"\r", b'"', b"[", b"{", b"}",
         b"\xef\xbb\xbf", b"\\", b"9" * 5000, b"-", b"e999", b"\xe2\x80\xae",
         b"[" * 3000, b"\n")  # fmt: skip


def odd_value(rng: Random, depth: int = 3) -> Any:
    """Return a value of any shape."""
    if depth and rng.random() < 0.25:
        return [odd_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if depth and rng.random() < 0.25:
        keys = rng.choices(("a", "lr", "grid", "choice", "uniform", "$float", "", "\n"), k=2)
        return {key: odd_value(rng, depth - 1) for key in keys}
    if rng.random() < 0.02:
        return nested(rng)
    return copy.deepcopy(rng.choice(ODD))


def nested(rng: Random) -> Any:
    """Return lists or tables that are nested deeply."""
    value: Any = 1
    for _ in range(rng.choice((90, 101, 201, 300))):
        value = [value] if rng.random() < 0.9 else {"x": value}
    return value


def mutated_bytes(data: bytes, rng: Random) -> bytes:
    """Return data that was cut, flipped, or has something put in, left out or repeated."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at, end = sorted(rng.randrange(len(changed) + 1) for _ in range(2))
        match rng.randrange(6):
            case 0:
                del changed[at:]
            case 1 if changed:
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
            case 2:
                changed[at:at] = rng.choice(BYTES)
            case 3:
                del changed[at : min(end, at + 40)]
            case 4:
                changed[at:at] = changed[at:end][:2000]
            case _:
                changed[at : at + 1] = rng.choice(BYTES)[:50]
    return bytes(changed)


def mutated_value(value: Any, rng: Random) -> Any:
    """Return a JSON value of which parts were replaced, left out, renamed or exchanged."""
    changed = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2, 4))):
        changed = _altered(changed, rng)
    return changed


def _altered(value: Any, rng: Random) -> Any:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if is_list(value) else ()
    if not keys or rng.random() < 0.03:
        return odd_value(rng)
    key = rng.choice(keys)
    if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.8:
        value[key] = _altered(value[key], rng)
        return value
    match rng.randrange(8):
        case 0:
            del value[key]
        case 1 if isinstance(value, dict):
            value[str(odd_value(rng, 0))[:300]] = value.pop(key)
        case 2:
            value[key], value[other] = value[other := rng.choice(keys)], value[key]
        case 3 if is_list(value):
            value.append(copy.deepcopy(value[key]))
        case 4:
            value[key] = {"x": value[key]} if rng.random() < 0.5 else [value[key]]
        case 5 if isinstance(value[key], str):
            value[key] = mutated_text(value[key], rng)
        case _:
            value[key] = odd_value(rng)
    return value


def is_list(value: Any) -> bool:
    return isinstance(value, list)


def mutated_text(text: str, rng: Random) -> str:
    """Return a text that was mutated; it may hold halves of surrogate pairs."""
    return mutated_bytes(text.encode(errors="surrogatepass"), rng).decode(errors="surrogateescape")


def as_json(value: Any) -> bytes:
    """Return a value as JSON, as lax as Python is."""
    return json.dumps(value).encode()
