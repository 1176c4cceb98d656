"""An executed notebook as HTML, from any kernel, with nothing in it that reaches the page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from nbexp.render.attachments import Attachments
from nbexp.render.highlighting import focusable, highlight, language_of
from nbexp.render.images import IMAGES, image_of
from nbexp.render.markdown import Anchors, Heading, prose
from nbexp.render.outputs import OutputRenderer
from nbexp.render.texts import joined

__all__ = ["CellInfo", "Heading", "RenderedNotebook", "render_notebook"]

_MARKER = "papermill-error-cell-tag"
_LONGEST_KEY = 80
_SHORTEST_S = 0.01  # less is not worth a reader's eye
_MANY_LINES = 200_000  # characters of source above which a cell starts folded


@dataclass(frozen=True)
class CellInfo:
    """What is known of a cell.

    Attributes:
        number: Its number among all cells, from 1; markers that papermill put in don't count.
        kind: ``code``, ``markdown`` or ``raw``.
        seconds: How long it ran, or None where that is not known.
        status: ``completed``, ``failed``, ``running`` or ``pending``; empty where not known.
        is_parameters: Whether it holds the notebook's own parameters.
        is_injected: Whether it holds the parameters that it was run with.
        first_line: The first line of its source.
        key: Names the cell in any run of its template, so that notebooks can be compared.
    """

    number: int
    kind: str
    seconds: float | None
    status: str
    is_parameters: bool
    is_injected: bool
    first_line: str
    key: str


@dataclass(frozen=True)
class RenderedNotebook:
    """A notebook as HTML.

    Attributes:
        html: Its cells, each an ``<article class="nb-cell" id="cell-N">``.
        headings: Its headings, in order.
        libraries: Names of the libraries that the page must bring for its frames, such as
            ``plotly``; see `nbexp.render.sandbox.library_source`.
        cells: What is known of each cell.
    """

    html: str
    headings: tuple[Heading, ...]
    libraries: frozenset[str]
    cells: tuple[CellInfo, ...]


def render_notebook(
    notebook: Mapping[str, Any],
    *,
    attachments: Path,
    attachments_url: str,
    inline_bytes: int = 256_000,
    whole_url: str = "",
) -> RenderedNotebook:
    """Return an executed notebook as HTML.

    Args:
        notebook: The notebook, in format 4. What is malformed in it is left out, or said to be.
        attachments: Folder for outputs that are too big for the page; made when it is needed.
        attachments_url: Where that folder is, seen from the page; a quoted, relative URL.
        inline_bytes: Size up to which an output stands in the page itself.
        whole_url: Where the notebook's own file is, seen from the page; it has what is too large
            for a page.

    Raises:
        OSError: A file can't be written into `attachments`.
    """
    rendering = _Rendering(
        notebook, Attachments(attachments, attachments_url, inline_bytes, whole_url)
    )
    html = "\n".join(rendering.pieces())
    return RenderedNotebook(
        html=html,
        headings=tuple(rendering.headings),
        libraries=frozenset(rendering.outputs.libraries),
        cells=tuple(rendering.cells),
    )


class _Rendering:
    """Goes through a notebook once."""

    def __init__(self, notebook: Mapping[str, Any], attachments: Attachments) -> None:
        metadata = _table(notebook, "metadata")
        cells = notebook.get("cells")
        self.headings: list[Heading] = []
        self.cells: list[CellInfo] = []
        self.outputs = OutputRenderer(attachments, metadata.get("widgets"))
        self._sources = [cell for cell in cells or () if isinstance(cell, Mapping)]
        self._language = language_of(metadata)
        self._attachments = attachments
        self._anchors = Anchors()
        self._keys: dict[str, int] = {}

    def pieces(self) -> Iterator[str]:
        """Yield the HTML of each cell."""
        number = 0
        for position, cell in enumerate(self._sources):
            if _MARKER in _tags(cell):
                yield self._marker(position)
                continue
            number += 1
            yield self._cell(number, cell)

    def _cell(self, number: int, cell: Mapping[str, Any]) -> str:
        self._attachments.cell = number
        source = joined(cell.get("source"))
        about = self._about(number, cell, source)
        self.cells.append(about)
        body = {"code": self._code, "markdown": self._markdown}.get(about.kind, self._raw)
        failed = " is-failed" if about.status == "failed" else ""
        return (
            f'<article class="nb-cell{failed}" id="cell-{number}" data-kind="{about.kind}" '
            f'data-key="{escape(about.key)}" aria-label="Cell {number}">'
            f"{body(cell, source, about)}</article>"
        )

    def _about(self, number: int, cell: Mapping[str, Any], source: str) -> CellInfo:
        kind = str(cell.get("cell_type"))
        tags = _tags(cell)
        record = _table(_table(cell, "metadata"), "papermill")
        seconds = record.get("duration")
        return CellInfo(
            number=number,
            kind=kind if kind in ("code", "markdown") else "raw",
            seconds=float(seconds) if isinstance(seconds, int | float) else None,
            status=_status(cell, record) if kind == "code" else "",
            is_parameters="parameters" in tags,
            is_injected="injected-parameters" in tags,
            first_line=_first_line(source, after="injected-parameters" in tags),
            key=self._key(cell, source),
        )

    def _key(self, cell: Mapping[str, Any], source: str) -> str:
        """Return what the cell is called in all runs of a template: its id, or its content."""
        own = cell.get("id")
        if "injected-parameters" in _tags(cell):  # papermill gives it a new id in each run
            key = "injected-parameters"
        elif isinstance(own, str) and own:
            key = own[:_LONGEST_KEY]
        else:
            content = f"{cell.get('cell_type')}\n{source}".encode(errors="replace")
            key = hashlib.sha256(content).hexdigest()[:12]
        count = self._keys[key] = self._keys.get(key, 0) + 1
        return key if count == 1 else f"{key}--{count}"

    def _code(self, cell: Mapping[str, Any], source: str, about: CellInfo) -> str:
        outputs = "".join(self.outputs.render(cell.get("outputs")))
        shown = f'<div class="nb-outputs">{outputs}</div>' if outputs else ""
        return f"{self._source(cell, source, about)}{shown}"

    def _source(self, cell: Mapping[str, Any], source: str, about: CellInfo) -> str:
        if not source.strip():
            return ""
        is_open = len(source) < _MANY_LINES and not _is_hidden(cell)
        count = cell.get("execution_count")
        lines = source.count("\n") + 1
        parts = [
            f'<span class="nb-number">[{count if isinstance(count, int) else " "}]</span>',
            f'<span class="nb-first">{escape(about.first_line)}</span>',
            *(
                f'<span class="nb-tag" data-label="{label}">{label}</span>'
                for label in _labels(about)
            ),
            f'<span class="nb-lines">{lines} lines</span>' if lines > 1 else "",
            _time(about.seconds),
        ]
        code = highlight(source, self._language)
        return (
            f'<details class="nb-source"{" open" if is_open else ""}>'
            f"<summary>{''.join(parts)}</summary>"
            f'<pre class="nb-code"{focusable(source)}><code>{code}</code></pre></details>'
        )

    def _markdown(self, cell: Mapping[str, Any], source: str, _: CellInfo) -> str:
        placed = prose(source, self._pictures(cell)).placed(self._anchors)
        self.headings.extend(placed.headings)
        return f'<div class="nb-prose">{placed.html}</div>'

    def _raw(self, _: Mapping[str, Any], source: str, __: CellInfo) -> str:
        return self.outputs.text(source, "nb-raw") if source.strip() else ""

    def _pictures(self, cell: Mapping[str, Any]) -> dict[str, str]:
        """Return the URLs of the images that are attached to a cell."""
        found = {}
        for name, bundle in _table(cell, "attachments").items():
            for mime in IMAGES:
                value = bundle.get(mime) if isinstance(bundle, Mapping) else None
                image = image_of(mime, value, self._attachments) if value else None
                if image:
                    found[str(name)] = image.url
        return found

    def _marker(self, position: int) -> str:
        """Return what papermill says of an error: once, at the top, with a link to the cell."""
        if position > 0:
            return ""
        number = 0
        for cell in self._sources:
            number += _MARKER not in _tags(cell)
            if cell.get("cell_type") == "code" and _status(cell, {}) == "failed":
                link = f'<a href="#cell-{number}">this cell</a>'
                return f'<p class="nb-failure">The notebook ended with an error in {link}.</p>'
        return '<p class="nb-failure">The notebook ended with an error.</p>'


def _status(cell: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    outputs = cell.get("outputs")
    kinds = [
        output.get("output_type")
        for output in (outputs if isinstance(outputs, Sequence) else ())
        if isinstance(output, Mapping)
    ]
    if "error" in kinds:
        return "completed" if "raises-exception" in _tags(cell) else "failed"
    status = record.get("status")
    return status if status in ("completed", "failed", "running", "pending") else ""


def _first_line(source: str, *, after: bool) -> str:
    """Return the first line that says something; `after` papermill's own comment."""
    lines = [line.strip() for line in source[:2_000].split("\n") if line.strip()]
    return "".join(lines[1:2] if after and len(lines) > 1 else lines[:1])[:120]


def _labels(about: CellInfo) -> Iterator[str]:
    if about.is_parameters:
        yield "parameters"
    if about.is_injected:
        yield "parameters of this run"
    if about.status == "failed":
        yield "failed"


def _time(seconds: float | None) -> str:
    if seconds is None or seconds < _SHORTEST_S:
        return ""
    if seconds < 1:
        text = f"{seconds * 1000:.0f} ms"
    elif seconds < 60:
        text = f"{seconds:.1f} s"
    else:
        text = f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f'<span class="nb-time">{text}</span>'


def _is_hidden(cell: Mapping[str, Any]) -> bool:
    jupyter = _table(_table(cell, "metadata"), "jupyter")
    return jupyter.get("source_hidden") is True or bool(
        _tags(cell) & {"hide-input", "hide_input", "remove-input", "remove_input"}
    )


def _tags(cell: Mapping[str, Any]) -> frozenset[str]:
    tags = _table(cell, "metadata").get("tags")
    return (
        frozenset(tag for tag in tags if isinstance(tag, str))
        if isinstance(tags, list)
        else frozenset()
    )


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name) if isinstance(table, Mapping) else None
    return found if isinstance(found, Mapping) else {}
