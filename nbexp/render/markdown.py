"""Markdown and HTML that may stand in a page: nothing in them runs, loads or covers anything.

All of it is sanitised, and after that links, images and headings get the form that a page needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from typing import Any
from urllib.parse import unquote

from nbexp.render.highlighting import focusable, highlight
from nbexp.render.mathml import to_mathml
from nbexp.render.sanitize import sanitize

_LONGEST = 50_000  # characters of Markdown; more is shown as it was written
_SHIFT = 2  # a notebook stands under its page's h1 and h2
_ANCHOR = "\0"  # stands in cached prose for the anchor of a heading; no HTML holds it

_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [a-z][\w:-]*="[^"]*")*)>')
_ATTRIBUTE = re.compile(r' ([a-z][\w:-]*)="([^"]*)"')
_PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*")
_MEDIA = re.compile(r"data:(?:audio|video)/[\w.+-]+;base64,[A-Za-z0-9+/=\s]*")
_DOWNLOAD = re.compile(
    r"data:(?:text/(?:csv|plain)|application/(?:json|zip|gzip|octet-stream|vnd\.[\w.+-]+))[;,]"
)
_OUTSIDE = ' rel="noopener noreferrer" target="_blank"'
_SCROLLER = '<div class="nb-scroll" role="group" aria-label="Table" tabindex="0">'


@dataclass(frozen=True)
class Heading:
    """A heading in a notebook.

    Attributes:
        level: From 1 to 6, as its author wrote it.
        text: Its text, without markup.
        anchor: Its id, unique in the notebook.
    """

    level: int
    text: str
    anchor: str


class Anchors:
    """Gives out ids, each one once."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def claim(self, slug: str) -> str:
        """Return an id for a heading, with a number after it where another one has it."""
        count = self._given[slug] = self._given.get(slug, 0) + 1
        return f"nb-{slug}" if count == 1 else f"nb-{slug}--{count}"


@dataclass(frozen=True)
class Prose:
    """HTML with gaps for the anchors of its headings, which are unique in a page only.

    Attributes:
        html: The HTML.
        headings: Its headings, in order; their anchors are not unique yet.
    """

    html: str
    headings: tuple[Heading, ...] = ()

    def placed(self, anchors: Anchors) -> Prose:
        """Return it with anchors that the page has only once."""
        if not self.headings:
            return self
        given = [anchors.claim(heading.anchor) for heading in self.headings]
        pieces = self.html.split(_ANCHOR)
        html = pieces[0] + "".join(a + b for a, b in zip(given, pieces[1:], strict=True))
        placed = (Heading(h.level, h.text, a) for h, a in zip(self.headings, given, strict=True))
        return Prose(html, tuple(placed))


def prose(source: str, pictures: Mapping[str, str] | None = None) -> Prose:
    """Return Markdown as HTML.

    Args:
        source: GitHub's Markdown, with formulas between dollar signs.
        pictures: URL of each attached image, by name.
    """
    if len(source) > _LONGEST:
        return Prose(f'<pre class="nb-text">{escape(source, quote=False)}</pre>')
    if pictures:
        return _prose(source, tuple(pictures.items()))
    return _cached_prose(source)


def sanitize_html(source: str) -> str:
    """Return HTML of which only what is safe is left."""
    return _fitted(source, {}, is_prose=False).html


@lru_cache(maxsize=1_024)
def _cached_prose(source: str) -> Prose:
    return _prose(source, ())


def _prose(source: str, pictures: tuple[tuple[str, str], ...]) -> Prose:
    return _fitted(_parser().render(source), dict(pictures), is_prose=True)


@lru_cache(maxsize=1)
def _parser() -> Any:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.amsmath import amsmath_plugin
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

    parser = MarkdownIt("commonmark", {"html": True, "highlight": _fence, "tasklists": True})
    parser.enable(["table", "strikethrough"])
    parser.use(gfm_autolink_plugin)
    parser.use(dollarmath_plugin, allow_digits=False, double_inline=True, renderer=_formula)
    parser.use(amsmath_plugin, renderer=lambda latex: to_mathml(latex, display=True))
    return parser


def _fence(source: str, language: str, _: str) -> str:
    code = highlight(source, language)
    return f'<pre class="nb-code"{focusable(source)}><code>{code}</code></pre>'


def _formula(latex: str, options: Mapping[str, Any]) -> str:
    return to_mathml(latex, display=bool(options.get("display_mode")))


def _fitted(html: str, pictures: Mapping[str, str], *, is_prose: bool) -> Prose:
    fitting = _Fitting(pictures, is_prose)
    return Prose("".join(fitting.pieces(sanitize(html))), tuple(fitting.headings))


class _Fitting:
    """Goes through the tags that nh3 wrote, and gives some of them another form.

    All that is found by patterns here is text that nh3 serialised: every tag is complete, and
    its attributes are in double quotes, within which quotes are escaped.
    """

    def __init__(self, pictures: Mapping[str, str], is_prose: bool) -> None:
        self.headings: list[Heading] = []
        self._pictures = pictures
        self._is_prose = is_prose
        self._links = 0
        self._tables = 0
        self._title: list[str] | None = None

    def pieces(self, html: str) -> Iterator[str]:
        """Yield the HTML in its new form."""
        start = 0
        for tag in _TAG.finditer(html):
            yield self._text(html[start : tag.start()])
            yield self._tag(tag)
            start = tag.end()
        yield self._text(html[start:])

    def _text(self, text: str) -> str:
        if self._title is not None:
            self._title.append(text)
        return text

    def _tag(self, tag: re.Match[str]) -> str:
        is_end, name = bool(tag[1]), tag[2]
        if name == "a":
            return self._end_of_link() if is_end else self._link(dict(_ATTRIBUTE.findall(tag[3])))
        if name == "table":
            return self._table(tag[0], is_end)
        if len(name) == 2 and name[0] == "h" and name[1].isdigit():
            return self._heading(int(name[1]), is_end)
        if is_end or name not in ("img", "input", "audio", "video", "source"):
            return tag[0]
        attributes = dict(_ATTRIBUTE.findall(tag[3]))
        if name == "img":
            return self._image(attributes)
        if name == "input":
            return _check_box(attributes)
        is_known = _MEDIA.fullmatch(attributes.get("src", "data:audio/x;base64,"))
        return tag[0] if is_known else f"<{name}>"

    def _link(self, attributes: Mapping[str, str]) -> str:
        self._links += 1
        target = attributes.get("href", "")
        name = attributes.get("id") or attributes.get("name")
        known = f' id="nb-{name.removeprefix("nb-")}"' if name else ""
        if target.startswith("#"):
            return f'<a{known} href="#nb-{escape(_slug(unquote(unescape(target[1:]))))}">'
        if target.startswith(("http:", "https:", "mailto:")):
            return f'<a{known} href="{target}"{_OUTSIDE}>'
        if _DOWNLOAD.match(target):
            return f'<a{known} href="{target}" download>'
        return f'<a{known} class="nb-inert" title="{target}">' if target else f"<a{known}>"

    def _end_of_link(self) -> str:
        self._links -= 1
        return "</a>"

    def _table(self, tag: str, is_end: bool) -> str:
        """Return a table that scrolls by itself where it is too wide; not one within another."""
        self._tables += -1 if is_end else 1
        if is_end:
            return tag if self._tables else f"{tag}</div>"
        return tag if self._tables > 1 else f"{_SCROLLER}{tag}"

    def _heading(self, level: int, is_end: bool) -> str:
        shown = f"h{min(level + _SHIFT, 6)}"
        if is_end:
            self._finish_heading(level)
            return f"</{shown}>"
        self._title = []
        anchor = f' id="{_ANCHOR}"' if self._is_prose else ""
        return f'<{shown} class="nb-h{level}"{anchor}>'

    def _finish_heading(self, level: int) -> None:
        text = " ".join(unescape("".join(self._title or [])).split())
        self._title = None
        if self._is_prose:
            self.headings.append(Heading(level, text, _slug(text) or "section"))

    def _image(self, attributes: Mapping[str, str]) -> str:
        source, words = attributes.get("src", ""), attributes.get("alt", "")
        if source.startswith("attachment:"):
            source = escape(self._pictures.get(unquote(unescape(source[11:])), source))
        elif not _PICTURE.fullmatch(source):
            return self._absent(source, words)
        if source.startswith("attachment:"):
            return self._absent(source, words)
        size = "".join(
            f' {side}="{attributes[side]}"'
            for side in ("width", "height")
            if re.fullmatch(r"\d{1,4}%?", attributes.get(side, ""))
        )
        return f'<img class="nb-picture" src="{source}" alt="{words}" loading="lazy"{size}>'

    def _absent(self, source: str, words: str) -> str:
        """Return the words for an image that is not loaded, and its address."""
        shown = source if len(source) < 200 else escape(unescape(source)[:60]) + "…"
        text = f"{words} ({shown})" if words and shown else words or shown or "image"
        if self._links or not source.startswith(("http:", "https:")):
            return f'<span class="nb-absent">{text}</span>'
        return f'<a class="nb-absent" href="{source}"{_OUTSIDE}>{text}</a>'


def _check_box(attributes: Mapping[str, str]) -> str:
    is_done = "checked" in attributes
    label, sign = ("done", "☑") if is_done else ("to do", "☐")
    return f'<span class="nb-check" role="img" aria-label="{label}">{sign}</span>'


def _slug(text: str) -> str:
    return re.sub(r"[^\w-]+", "-", text.lower()).strip("-")[:80]
