"""Sandboxed frames: what a notebook shows by scripts runs there, and gets no further.

A frame is ``<iframe class="nb-frame" sandbox="allow-scripts">``: its origin is none, so that it
reaches neither the page nor what other frames, files or sites keep. Its own content security
policy stands before all else in it, and lets it load nothing; what that leaves open, a script
(``frame/guard.js``) closes before others run. Big ones are files beside the page
(``src``), which show nothing when they are opened by themselves; others are in ``srcdoc``.

**Protocol.** Messages are plain objects sent by ``postMessage``; each has a field ``nbexp``.

==================  ===========================================  ================================
from the frame                                                   what the page does
==================  ===========================================  ================================
``"hello"``         its document has begun                       answers ``"theme"``
``"height"``        ``value``: height of its content in pixels   sets the height of the element
``"library"``       ``name``: one of `LIBRARIES`                 answers ``"library"``
``"drawn"``         what it draws is there                       shows a widget, not its values
==================  ===========================================  ================================

==================  =============================================================================
from the page
==================  =============================================================================
``"theme"``         ``value``: ``"light"`` or ``"dark"``; again whenever the reader switches
``"library"``       ``name``, and ``source``: its JavaScript as text, or null where it is missing
==================  =============================================================================

The page takes a message only where ``event.source`` is the ``contentWindow`` of one of its own
``iframe.nb-frame``, and believes nothing in it: a height is a finite number, held between 24 and
5000, and at most one is set for each frame and animation frame; a library is looked up by
``Object.hasOwn``, and given out at most twice to a frame. It answers with target ``"*"``, since a
frame without an origin can't be named. `library_source` gives what
``assets/lib-NAME.js`` holds: ``nbexp.libraries.NAME = "…"``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nbexp.render.attachments import Attachments

# And the packages that bring them.
LIBRARIES = {
    "plotly": "plotly",
    "vega": "vl-convert-python",
    "widgets": "ipywidgets",
    "bokeh": "bokeh",
    "panel": "panel",
}
_BOKEH = [f"server/static/js/bokeh{part}.min.js" for part in ("", "-widgets", "-tables")]

_HERE = Path(__file__).parent / "frame"
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; media-src data: blob:; worker-src 'none'; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types default"
)
# What `guard.js` keeps scripts from making, in what is there before they run. A tag's name goes on
# to a space, a slash or its end, so that "i<frames.length" of a script is none of these.
_BARRED = re.compile(
    r"<(/?)(?=(?:iframe|frame|object|embed|portal|fencedframe|link|meta)(?:[\t\n\f\r />]|\Z))",
    re.IGNORECASE,
)
_TAME = r"<\1nb-"
_AXIS = 70  # pixels that a chart of Vega has below and above what it tells as its height


def html_frame(content: str, attachments: Attachments, *, height: int = 160) -> str:
    """Return a frame with HTML as a notebook gave it.

    Args:
        content: The HTML.
        attachments: Where it goes if it is big.
        height: Its height in pixels until it tells its own.
    """
    if attachments.is_too_large(len(content)):
        return attachments.left_out(len(content))
    document = _document(content)
    attributes = (
        f'class="nb-frame" sandbox="allow-scripts" loading="lazy" referrerpolicy="no-referrer" '
        f'title="Output of cell {attachments.cell}" style="height:{height}px"'
    )
    if attachments.is_big(len(document)):
        return (
            f'<iframe {attributes} src="{escape(attachments.write(".html", document))}"></iframe>'
        )
    return f'<iframe {attributes} srcdoc="{escape(document)}"></iframe>'


def plotly_frame(figure: Any, attachments: Attachments) -> str:
    """Return a frame that draws a figure of plotly."""
    layout = figure.get("layout") if isinstance(figure, dict) else None
    return html_frame(_drawing(figure, "plotly"), attachments, height=_height(layout, 450))


def vega_frame(spec: Any, attachments: Attachments) -> str:
    """Return a frame that draws a chart of Vega or Vega-Lite."""
    return html_frame(_drawing(spec, "vega"), attachments, height=_height(spec, 300) + _AXIS)


def widgets_frame(view: Mapping[str, Any], attachments: Attachments) -> str:
    """Return a frame that shows a widget.

    Args:
        view: The id of its ``model``, and the ``state`` of all that it consists of.
        attachments: Where it goes if it is big.
    """
    place = '<div hidden><p><i id="help_menu"></i></p></div>'  # their bundle adds to a menu
    return html_frame(place + _drawing(view, "widgets"), attachments, height=40)


def bokeh_frame(html: str, libraries: Sequence[str], attachments: Attachments) -> str:
    """Return a frame in which bokeh draws.

    Args:
        html: The script that draws, and its element if it is there.
        libraries: Names of the libraries that it needs, in order.
        attachments: Where it goes if it is big.
    """
    content = _drawing({"html": html, "libraries": libraries}, "bokeh")
    return html_frame(content, attachments, height=400)


def script_frame(source: str, attachments: Attachments) -> str:
    """Return a frame that runs JavaScript, which finds its place in ``element``."""
    return html_frame(_drawing(source, "script"), attachments, height=60)


@lru_cache(maxsize=len(LIBRARIES))
def library_source(name: str) -> str | None:
    """Return the JavaScript of a library, from the package that brings it.

    Args:
        name: One of `LIBRARIES`.

    Returns:
        Its source, or None where the package is not installed.
    """
    if name == "plotly":
        return _packaged("plotly", "package_data/plotly.min.js")
    if name == "widgets":
        return _packaged("widgetsnbextension", "static/extension.js")
    if name == "panel":
        return _packaged("panel", "dist/panel.min.js")
    if name == "bokeh":
        parts = [_packaged("bokeh", path) for path in _BOKEH]
        return "\n".join(filter(None, parts)) if parts[0] else None
    if name == "vega" and find_spec("vl_convert") is not None:
        bundle = getattr(import_module("vl_convert"), "javascript_bundle", None)
        return str(bundle()) if bundle else None  # versions before 1.3 have none
    return None


def _packaged(package: str, path: str) -> str | None:
    found = find_spec(package)
    for folder in (found.submodule_search_locations or []) if found else []:
        file = Path(folder) / path
        if file.is_file():
            return file.read_text(encoding="utf-8")
    return None


def _height(table: Any, default: int) -> int:
    """Return the height in pixels that a table tells; print takes no other."""
    height = table.get("height") if isinstance(table, dict) else None
    return int(height) if isinstance(height, int | float) and 50 < height < 3_000 else default


def _drawing(data: Any, name: str) -> str:
    script = (_HERE / f"{name}.js").read_text(encoding="utf-8")
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
    return (
        '<div id="output"></div>'
        f'<script type="application/json" id="data">{text}</script><script>{script}</script>'
    )


def _document(content: str) -> str:
    head, helper = _head()
    return f"{head}{helper}</head><body>{_BARRED.sub(_TAME, content)}</body></html>"


@lru_cache(maxsize=1)
def _head() -> tuple[str, str]:
    style = (_HERE / "frame.css").read_text(encoding="utf-8")
    scripts = [(_HERE / name).read_text(encoding="utf-8") for name in ("guard.js", "frame.js")]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta http-equiv="x-dns-prefetch-control" content="off">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Output</title><style>{style}</style>"
    )
    return head, "".join(f"<script>{script}</script>" for script in scripts)
