"""Outputs of bokeh, and of HoloViews and Panel, which build on it.

They load their libraries in one output of a notebook, and draw in others; a page brings the
libraries itself, so that the first are left out. A figure is a script that draws in an element: of
bokeh an output of its own after that of the element, of Panel in the same HTML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nbexp.render.texts import joined

_DRAWS = re.compile(r"application/vnd\.(bokehjs|holoviews)_exec\.v0\+json")
_LOADS = re.compile(r"application/vnd\.(?:bokehjs|holoviews)_load\.v0\+json")
# Logos, options, and elements in which a script of the next output draws.
_LOADING = re.compile(
    r"""\s*(?:<style>[^<]*</style>\s*)?(?:
        <script\ type="esms-options">
        | <div\ class="logo-block">
        | <div[^>]*>\s*<a\ href="https://(?:docs\.)?bokeh\.org
        | <div\ id="[^"]*"\ data-root-id="[^"]*"[^>]*>\s*</div>\s*\Z
    )""",
    re.VERBOSE,
)
_UNSEEN = "panel.models.browser.BrowserInfo"  # a figure of Panel's that draws nothing


def is_loading(data: Mapping[str, Any]) -> bool:
    """Whether an output only prepares what others draw."""
    is_unseen = _UNSEEN in html_of(data) and bool(libraries_of(data))
    is_loader = any(map(_LOADS.fullmatch, data))
    return is_loader or is_unseen or _LOADING.match(joined(data.get("text/html"))) is not None


def libraries_of(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the libraries that draw an output; none if it is not bokeh's."""
    kinds = [found[1] for mime in data if (found := _DRAWS.fullmatch(mime))]
    if not kinds or "docs_json" not in html_of(data):
        return ()
    return ("bokeh", "panel") if "holoviews" in kinds else ("bokeh",)


def html_of(data: Mapping[str, Any]) -> str:
    """Return the script of a figure as HTML, with the element if it is there."""
    html, script = joined(data.get("text/html")), joined(data.get("application/javascript"))
    return f"{html}<script>{script}</script>" if script else html
