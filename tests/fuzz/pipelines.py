"""Pipeline files: mutated as text, and in their values."""

from __future__ import annotations

import json
import math
import re
import tomllib
from pathlib import Path
from random import Random
from typing import Any

from fuzz._base import Case, Kind, expect
from fuzz.commands import call
from fuzz.mutations import mutated_bytes, mutated_value, odd_value
from fuzz.projects import PIPELINE, write_project

_VALUE = re.compile(r"(?<== )[^\n{}]+(?=[\n}])|(?<=\[)[^\[\]\n]+(?=\])")


class Pipelines(Kind):
    """What `nbexp plan` says of a pipeline that was mutated."""

    suite_cases = 60

    def make(self, rng: Random, folder: Path) -> Case:
        file = write_project(folder)
        content = mutated(rng)
        file.write_bytes(content)
        before = listing(folder)

        def check() -> None:
            output = call("plan", file, *(("--json",) if rng.random() < 0.2 else ()))
            expect(output.strip(), "it said nothing")
            expect(listing(folder) == before, "plan has written something")

        return Case(f"a pipeline of {content[:20_000]!r}", check)


def listing(folder: Path) -> set[Path]:
    """Return what lies in a folder."""
    return set(folder.rglob("*"))


def mutated(rng: Random) -> bytes:
    """Return a pipeline file that was mutated in one of three ways."""
    if rng.random() < 0.4:
        return mutated_bytes(PIPELINE.encode(), rng)
    if rng.random() < 0.5:
        places = list(_VALUE.finditer(PIPELINE))
        found = rng.choice(places)
        text = toml(odd_value(rng))
        return (PIPELINE[: found.start()] + text + PIPELINE[found.end() :]).encode()
    return table_text(mutated_value(tomllib.loads(PIPELINE), rng)).encode()


def table_text(value: Any) -> str:
    """Return a value as a file."""
    if not isinstance(value, dict):
        return toml(value)
    return "".join(f"{_key(key)} = {toml(item)}\n" for key, item in value.items())


def toml(value: Any) -> str:
    """Return a value as TOML; None as a text, and what no file can hold with question marks."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else f"{value}"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)} = {toml(item)}' for key, item in value.items())}}}"
    return _text(str(value))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(text: str) -> str:
    fit = text.encode(errors="replace").decode()
    return json.dumps(fit, ensure_ascii=False).replace("\x7f", r"\u007f")
