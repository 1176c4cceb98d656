"""Pages made from templates: how values are written in them, and what they bring along."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbexp.display import headline
from nbexp.runs.outcome import place_of
from nbexp.wording import aligned, counted, duration_text, number_text, time_text

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_HERE = Path(__file__).parent
CHART_SCRIPTS = (
    "elements.js", "dataset.js", "scales.js", "filter.js", "table-controls.js", "table.js",
    "charts.js", "charts-parallel.js", "charts-curves.js", "charts-matrix.js",
)  # fmt: skip
_OF_A_SERVER = ("live.js", "browse.css")
# Frames take over the scripts' part, and have stricter ones of their own; outside of frames,
# nothing of a notebook's gets in that has not been sanitised.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' file: 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' file: 'unsafe-inline'",
        "img-src 'self' file: data: blob:",
        "font-src 'self' file: data:",
        "media-src 'self' file: data:",
        "frame-src 'self' file:",
        "connect-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
    )
)


class Pages:
    """Templates with what all of them are told.

    Args:
        shared: Values for all pages.
    """

    def __init__(self, shared: Mapping[str, Any]) -> None:
        self._environment = _environment()
        self._environment.globals |= {"policy": POLICY, "scripts": (), **shared}

    def render(self, template: str, **values: Any) -> str:
        """Return a page."""
        return self._environment.get_template(template).render(values)


def copy_assets(target: Path) -> None:
    """Write the style sheets and the scripts."""
    shutil.copytree(_HERE / "assets", target, ignore=shutil.ignore_patterns(*_OF_A_SERVER))


def asset(name: str) -> str:
    """Return the text of a style sheet or a script."""
    return (_HERE / "assets" / name).read_text(encoding="utf-8")


def library_script(name: str, source: str) -> str:
    """Return a script that gives the page a library's source, which it hands to frames."""
    start = "window.nbexp = window.nbexp || {}; nbexp.libraries = nbexp.libraries || {};"
    return f"{start}\nnbexp.libraries[{script_json(name)}] = {script_json(source)};\n"


def script_json(value: Any) -> Markup:
    """Return a value as JSON that may stand in a script element."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "aligned": aligned,
        "counted": counted,
        "duration": duration_text,
        "json": script_json,
        "number": number_text,
        "time": lambda seconds: time_text(seconds or 0.0),
        "findings": findings,
        "place": place_of,
        "headline": headline,
    }
    return environment


def findings(variant: Any) -> list[tuple[str, str]]:
    """Return the first numbers that a variant glued."""
    numbers = [
        (name, number_text(value))
        for name, value in variant.scraps.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return numbers[:5]
