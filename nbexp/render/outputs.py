"""Outputs of a cell as HTML, each in the richest form that a page can show."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape, unescape
from typing import Any

from nbexp.render.ansi import plain, settle, to_html
from nbexp.render.attachments import Attachments, decoded
from nbexp.render.bokeh import html_of, is_loading, libraries_of
from nbexp.render.glued import scrap_lines
from nbexp.render.highlighting import focusable
from nbexp.render.images import image_of
from nbexp.render.markdown import prose, sanitize_html
from nbexp.render.mathml import to_mathml
from nbexp.render.sandbox import (
    LIBRARIES,
    bokeh_frame,
    html_frame,
    library_source,
    plotly_frame,
    script_frame,
    vega_frame,
    widgets_frame,
)
from nbexp.render.sanitize import needs_sandbox
from nbexp.render.texts import ends, joined, size_text
from nbexp.render.widgets import Widgets
from nbexp.scrapbook_format import about

Table = Mapping[str, Any]

_OPEN_JSON = 1_500  # characters up to which JSON is unfolded
_DEEPEST = 5  # outputs within widgets within outputs
_SUFFIXES = {"application/pdf": ".pdf", "text/csv": ".csv", "application/zip": ".zip"}
# What IPython's IFrame and libraries for maps and reports write.
_INNER = re.compile(
    r"""(?:\s|</?div[^>]*>|<span[^>]*>Make this Notebook Trusted[^<]*</span>)*"""  # folium's
    r"""<iframe((?:[^>"']|"[^"]*"|'[^']*')*)>\s*(?:</iframe>)?(?:\s|</?div>)*""",
    re.IGNORECASE,
)
# Scripts that HTML asks a server for; without a tag only where no whole library stands in it.
_ASKED = re.compile(r"""<script[^>]{0,300}?\ssrc\s*=\s*["']?https?://([\w.-]+)""", re.IGNORECASE)
_LOADED = re.compile(r"""["']https?://([\w.-]+)/[^"'\s<>]{1,300}\.m?js["']""")
_SMALL = 50_000
_FORMULA = re.compile(r"\s*(\$\$?|\\\[)(.*?)(?:\$\$?|\\\])\s*", re.DOTALL)


class OutputRenderer:
    """Renders the outputs of a notebook's cells.

    Args:
        attachments: Where big ones go.
        widgets: The saved state of widgets, as notebooks have it in their metadata.

    Attributes:
        libraries: Names of the libraries that frames so far ask the page for.
    """

    def __init__(self, attachments: Attachments, widgets: Any) -> None:
        self.libraries: set[str] = set()
        self._attachments = attachments
        self._widgets = Widgets(widgets, self._nested)
        self._depth = 0
        self._forms: tuple[tuple[re.Pattern[str], Callable[[str, Any, Table], str | None]], ...] = (
            (re.compile(r"application/vnd\.jupyter\.widget-view\+json"), self._widget),
            (re.compile(r"application/vnd\.plotly\.v\d+\+json"), self._plotly),
            (re.compile(r"application/vnd\.vega(?:lite)?\.v\d+(?:\.json|\+json)"), self._vega),
            (re.compile(r"application/vnd\.(?:bokehjs|holoviews)_exec\.v0\+json"), self._bokeh),
            (re.compile(r"text/html"), self._html),
            (re.compile(r"image/svg\+xml"), self._svg),
            (re.compile(r"image/(?:png|jpeg|gif|webp)"), self._image),
            (re.compile(r"text/markdown"), self._markdown),
            (re.compile(r"text/latex"), self._latex),
            (re.compile(r"application/(?:geo\+)?json"), self._json),
            (re.compile(r"(?:application|text)/(?:x-)?javascript"), self._script),
            (re.compile(r"text/plain"), self._plain),
        )

    def render(self, outputs: Any) -> Iterator[str]:
        """Yield the HTML of each output; one that can't be shown says so and stops nothing."""
        for output in _merged(outputs):
            try:
                yield self._output(output)
            except OSError:
                raise  # what goes beside the page can't be written
            except Exception as error:  # whatever a notebook holds, the rest of it is shown
                yield _note(f"This output can't be shown ({type(error).__name__}: {error})")

    def _nested(self, outputs: Any) -> str:
        if self._depth >= _DEEPEST:
            return _note("These outputs lie too deep in one another to be shown.")
        self._depth += 1
        try:
            return "".join(self.render(outputs))
        finally:
            self._depth -= 1

    def _output(self, output: Table) -> str:
        kind = output.get("output_type")
        if kind == "stream":
            name = "nb-stderr" if output.get("name") == "stderr" else "nb-stdout"
            return self.text(joined(output.get("text")), name)
        if kind == "error":
            return self._error(output)
        data = output.get("data")
        return self._bundle(data, output) if isinstance(data, Mapping) else ""

    def text(self, text: str, name: str = "nb-plain") -> str:
        """Return text as in a terminal; of long text the start, the end and a link to all of it."""
        text = settle(text)
        is_large = self._attachments.is_too_large(len(text))
        if not is_large and not self._attachments.is_big(len(text)):
            return _block(text, name)
        head, tail = ends(text)
        lines = text.count("\n") + 1
        left_out = lines - head.count("\n") - tail.count("\n") - 1
        return (
            f'{_block(head, name)}<p class="nb-more">{self._all(text, lines)} '
            f"({size_text(len(text))}; {max(left_out, 0):,} are left out here)</p>"
            f"{_block(tail, name)}"
        )

    def _all(self, text: str, lines: int) -> str:
        """Return a link to all of a long text."""
        if self._attachments.is_too_large(len(text)):
            return f"All {lines:,} lines are in {self._attachments.whole()}"
        url = self._attachments.write(".txt", plain(text) if "\x1b" in text else text)
        return f'<a href="{escape(url)}">Show all {lines:,} lines</a>'

    def _error(self, output: Table) -> str:
        name, message = joined(output.get("ename")), plain(joined(output.get("evalue")))
        last = f"{name}: {message}" if message else name
        lines = output.get("traceback")
        trace = "\n".join(map(joined, lines)) if isinstance(lines, list) else joined(lines)
        shown = _without_last(trace, last)
        return (
            f'<div class="nb-error">{self.text(shown, "nb-traceback") if shown.strip() else ""}'
            f'<p class="nb-error-line"><strong>{escape(name)}</strong>'
            f"{escape(': ' + message[:4_000]) if message else ''}</p></div>"
        )

    def _bundle(self, data: Table, output: Table) -> str:
        """Return the richest form of a display that can be shown, with what there is to note."""
        if is_loading(data):
            return ""
        notes: list[str] = []
        lines = scrap_lines(data)
        for mime, package in _without_library(data):
            notes.append(f"This {mime} is interactive where the package {package} is installed.")
            data = {key: value for key, value in data.items() if not _needs_script(key, value)}
        found = next(filter(None, self._candidates(data, output)), None)
        if found is None and not lines:
            found = self._unknown(data)
        caption = _caption(output) if found else ""
        shown = f'<figure class="nb-figure">{found}{caption}</figure>' if caption else found or ""
        return "".join([lines, shown, *map(_note, notes)])

    def _candidates(self, data: Table, output: Table) -> Iterator[str | None]:
        for pattern, form in self._forms:
            for mime, value in data.items():
                if pattern.fullmatch(mime):
                    yield form(mime, value, output)

    def _widget(self, _: str, value: Any, output: Table) -> str | None:
        model = value.get("model_id")
        still = self._widgets.render(model)
        view = self._widgets.view(model) if library_source("widgets") else None
        if view is None:
            return still
        self.libraries.add("widgets")
        still = still or f'<div class="nb-widget">{_words(output)}</div>'
        return f'<div class="nb-live">{still}{widgets_frame(view, self._attachments)}</div>'

    def _plotly(self, _: str, value: Any, __: Table) -> str | None:
        self.libraries.add("plotly")
        return plotly_frame(value, self._attachments)

    def _vega(self, _: str, value: Any, __: Table) -> str | None:
        self.libraries.add("vega")
        return vega_frame(value, self._attachments)

    def _bokeh(self, _: str, __: Any, output: Table) -> str | None:
        libraries = libraries_of(output["data"])
        if not libraries or any(library_source(name) is None for name in libraries):
            return None
        self.libraries.update(libraries)
        return bokeh_frame(html_of(output["data"]), libraries, self._attachments)

    def _html(self, mime: str, value: Any, output: Table) -> str | None:
        text = joined(value)
        if self._attachments.is_too_large(len(text)):
            return self._attachments.left_out(len(text))
        text = _unframed(text)
        if not text.strip():
            return None
        if chart := _altair(text):
            return self._vega(mime, chart, output)
        if needs_sandbox(text) or self._attachments.is_big(len(text)):
            return html_frame(text, self._attachments) + _absent(text)
        return f'<div class="nb-html">{sanitize_html(text)}</div>'

    def _svg(self, mime: str, value: Any, output: Table) -> str | None:
        from base64 import b64encode

        text = joined(value)
        source = f"data:image/svg+xml;base64,{b64encode(text.encode()).decode()}"
        image = _picture(source, output, _sides(mime, output))
        # Opened by itself, a file of SVG would run its scripts; as an image it never does.
        if self._attachments.is_big(len(source)):
            return html_frame(image, self._attachments, height=480)
        return f'<div class="nb-image">{image}</div>'

    def _image(self, mime: str, value: Any, output: Table) -> str | None:
        image = image_of(mime, value, self._attachments)
        if image is None:
            return _note(f"This image can't be shown: its data is no {mime} in base64.")
        sides = _sides(mime, output) or image.sides
        return f'<div class="nb-image">{_picture(image.url, output, sides)}</div>'

    def _markdown(self, _: str, value: Any, __: Table) -> str | None:
        html = prose(joined(value)).html.replace(' id="\0"', "")
        return f'<div class="nb-prose">{html}</div>'

    def _latex(self, mime: str, value: Any, output: Table) -> str | None:
        text = joined(value)
        formula = _FORMULA.fullmatch(text)
        if formula is None or "$" in formula[2]:
            return self._markdown(mime, text, output)
        return f'<div class="nb-prose">{to_mathml(formula[2], display=True)}</div>'

    def _json(self, _: str, value: Any, __: Table) -> str | None:
        text = json.dumps(value, indent=2, ensure_ascii=False)
        kind = f"{len(value):,} items" if isinstance(value, dict | list) else "a value"
        unfolded = " open" if len(text) <= _OPEN_JSON else ""
        body = self.text(joined(text), "nb-plain")
        return f'<details class="nb-json"{unfolded}><summary>JSON, {kind}</summary>{body}</details>'

    def _script(self, _: str, value: Any, __: Table) -> str | None:
        return script_frame(joined(value), self._attachments)

    def _plain(self, _: str, value: Any, __: Table) -> str | None:
        return self.text(joined(value))

    def _unknown(self, data: Table) -> str:
        """Return a link to data of a kind that a page can't show."""
        return "".join(self._download(str(mime), value) for mime, value in data.items())

    def _download(self, mime: str, value: Any) -> str:
        from base64 import b64encode

        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True)
        content = decoded(text) or text.encode(errors="replace")
        suffix = _SUFFIXES.get(mime) or (".json" if mime.endswith("json") else ".bin")
        url = f"data:application/octet-stream;base64,{b64encode(content).decode()}"
        if self._attachments.is_big(len(url)):
            url = self._attachments.write(suffix, content)
        name = f"cell-{self._attachments.cell}{suffix}"
        link = (
            f'<a href="{escape(url)}" download="{name}">download it</a> ({size_text(len(content))})'
        )
        return f'<p class="nb-note">An output of the kind <code>{escape(mime)}</code>: {link}</p>'


def _unframed(html: str) -> str:
    """Return what a lone inner frame holds, or a link in its place where it is elsewhere."""
    frame = _INNER.fullmatch(html) if "<iframe" in html[:2_000] else None
    if frame is None:
        return html
    content, address = _attribute(frame[1], "srcdoc"), _attribute(frame[1], "src")
    if content:
        return content
    is_elsewhere = address.startswith(("http:", "https:"))
    link = f'<a href="{escape(address)}">{escape(address)}</a>'
    return f"<p>A frame that is not loaded: {link}</p>" if is_elsewhere else html


def _absent(html: str) -> str:
    """Return a note on the servers from which HTML would load scripts, which a page does not."""
    hosts = _ASKED.findall(html) + (_LOADED.findall(html) if len(html) < _SMALL else [])
    if not hosts:
        return ""
    names = ", ".join(sorted(set(hosts))[:5])
    return _note(f"Its scripts are at {names}, and a report loads nothing: parts may be missing.")


def _altair(html: str) -> Any:
    """Return the chart of Vega-Lite in what Altair writes, which loads its library from afar."""
    start = html.rfind("})(") if 'id="altair-viz-' in html else -1
    if start < 0 or library_source("vega") is None:
        return None
    try:
        return json.JSONDecoder().raw_decode(html, start + 3)[0]
    except ValueError:
        return None


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf"""\s{name}=(?:"([^"]*)"|'([^']*)')""", tag)
    return unescape(found[1] or found[2] or "") if found else ""


def _block(text: str, name: str) -> str:
    return f'<pre class="nb-text {name}"{focusable(text)}>{to_html(text)}</pre>'


def _merged(outputs: Any) -> Iterator[Table]:
    """Yield the outputs; what a stream wrote in pieces, one after another, comes as one."""
    waiting: dict[str, Any] | None = None
    for output in outputs if isinstance(outputs, Sequence) else ():
        if not isinstance(output, Mapping):
            continue
        is_stream = output.get("output_type") == "stream"
        if waiting and is_stream and output.get("name") == waiting["name"]:
            waiting["text"].append(joined(output.get("text")))
            continue
        if waiting:
            yield waiting
        waiting = None
        if is_stream:
            waiting = {**output, "name": output.get("name"), "text": [joined(output.get("text"))]}
        else:
            yield output
    if waiting:
        yield waiting


def _without_library(data: Table) -> Iterator[tuple[str, str]]:
    """Yield what is shown by a library that is not installed, and the package to install."""
    for mime in data:
        name = "plotly" if "vnd.plotly" in mime else "vega" if "vnd.vega" in mime else None
        if name and library_source(name) is None:
            yield ("figure" if name == "plotly" else "chart"), LIBRARIES[name]
    for name in libraries_of(data):
        if library_source(name) is None:
            yield "figure", LIBRARIES[name]


def _needs_script(mime: str, value: Any) -> bool:
    if "vnd.plotly" in mime or "vnd.vega" in mime or "javascript" in mime:
        return True
    return mime == "text/html" and "<script" in joined(value).lower()


def _without_last(trace: str, last: str) -> str:
    """Return a traceback without its last line, which is picked out below it."""
    lines = trace.rstrip().split("\n")
    count = last.rstrip().count("\n") + 1
    ending = "\n".join(plain(line) for line in lines[-count:])
    return "\n".join(lines[:-count]).rstrip() if ending.strip() == last.strip() else trace


def _caption(output: Table) -> str:
    name = about(output).get("name")
    label = '<span class="nb-label">glued</span>'
    return f"<figcaption>{label} {escape(str(name)[:200])}</figcaption>" if name else ""


def _picture(url: str, output: Table, sides: str) -> str:
    lazy = "" if url.startswith("data:") else ' loading="lazy"'
    return f'<img src="{escape(url)}" alt="{_words(output)}"{sides}{lazy}>'


def _words(output: Table) -> str:
    """Return what stands for an image where it can't be seen."""
    about, data = output.get("metadata"), output.get("data")
    given = about.get("alt") if isinstance(about, Mapping) else None
    text = given if isinstance(given, str) else joined(data.get("text/plain")) if data else ""
    return escape(text.strip("<> \n")[:300] or "image")


def _sides(mime: str, output: Table) -> str:
    about = output.get("metadata")
    about = about.get(mime, about) if isinstance(about, Mapping) else {}
    sides = [(side, about.get(side)) for side in ("width", "height")]
    return "".join(
        f' {side}="{int(value)}"'
        for side, value in sides
        if isinstance(value, int | float) and 0 < value < 10_000
    )


def _note(text: str) -> str:
    return f'<p class="nb-note">{escape(text[:400])}</p>'
