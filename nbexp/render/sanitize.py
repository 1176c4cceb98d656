"""HTML of which only what is safe is left: nothing in it runs, loads or covers anything."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from nbexp.render.highlighting import token_classes


def _words(text: str) -> set[str]:
    return set(text.split())


_MATHML = _words(
    "menclose mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace "
    "msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover math"
)
_TAGS = _MATHML | _words(
    "a abbr audio b blockquote br caption cite code col colgroup dd del details dfn div dl dt em "
    "figcaption figure h1 h2 h3 h4 h5 h6 hr i img input ins kbd li mark ol p pre q rp rt ruby s "
    "samp small source span strong sub summary sup table tbody td tfoot th thead tr u ul var video "
    "wbr"
)
_ATTRIBUTES = dict.fromkeys(
    _MATHML,
    _words(
        "display displaystyle scriptlevel mathvariant stretchy fence form separator accent "
        "accentunder largeop movablelimits symmetric columnalign rowalign columnlines rowlines "
        "linebreak notation mathcolor width height depth lspace rspace voffset minsize maxsize "
        "linethickness rowspacing columnspacing"
    ),
) | {
    "*": _words("title lang dir align style id"),
    "a": {"href", "name"},
    "img": {"src", "alt", "width", "height"},
    "audio": {"src", "controls", "loop"},
    "video": {"src", "controls", "loop", "muted", "width", "height"},
    "source": {"src", "type"},
    "ol": {"start", "type", "reversed"},
    "li": {"value"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "col": {"span"},
    "details": {"open"},
    "input": {"type", "checked"},
}
_STYLES = _words(
    "color background-color text-align text-decoration text-indent font-weight font-style "
    "font-family font-size font-variant line-height white-space vertical-align word-break "
    "overflow-wrap width max-width min-width height max-height min-height padding padding-left "
    "padding-right padding-top padding-bottom margin margin-left margin-right margin-top "
    "margin-bottom border border-left border-right border-top border-bottom border-color "
    "border-style border-width border-radius border-collapse border-spacing display flex gap "
    "flex-direction flex-wrap justify-content align-items overflow overflow-x overflow-y"
)
# Lengths that are huge, computed or lead out of their place.
_WILD = re.compile(
    r"(?<![#\w.])(?:\d{4}|[\d.]+e[+-]?\d)|(?<!rgb)(?<!rgba)(?<!hsl)(?<!hsla)\(|\\|-[\d.]",
    re.IGNORECASE,
)
_INTERACTIVE = re.compile(
    r"<(?:script|style|svg|canvas|iframe|embed|object|form|input|button|select|textarea|link|meta"
    r"|base|template|dialog|portal|applet|frame|frameset|map|progress|meter|[a-z]+-[\w-]+)\b"
    r"|[\s/\"']on[a-z]+\s*=|position\s*:|background(?:-image)?\s*:[^;\"']*(?:url|gradient)",
    re.IGNORECASE,
)
# What pandas puts before every table; the page's own style of tables says the same.
_PANDAS = re.compile(r"<style scoped>\s*\.dataframe[^<]*</style>")


def needs_sandbox(source: str) -> bool:
    """Whether HTML has scripts, styles or forms, which it would lose if it were sanitised."""
    return _INTERACTIVE.search(_PANDAS.sub("", source)) is not None


def sanitize(source: str) -> str:
    """Return the safe part of HTML, as nh3 (Ammonia) writes it: well-formed, ids with a prefix."""
    return str(_sanitizer().clean(_PANDAS.sub("", source)))


@lru_cache(maxsize=1)
def _sanitizer() -> Any:
    import nh3

    return nh3.Cleaner(
        tags=_TAGS,
        clean_content_tags=_words("script style title textarea noscript template svg"),
        attributes=_ATTRIBUTES,
        tag_attribute_values={"pre": {"tabindex": {"0"}}},
        attribute_filter=_kept,
        filter_style_properties=_STYLES,
        allowed_classes={
            "span": {"math", *token_classes()},
            "pre": {"nb-code"},
            "code": {"nb-math-error"},
            "table": {"dataframe"},
            "div": {"math", "amsmath"},
        },
        url_schemes=_words("http https mailto data attachment"),
        id_prefix="nb-",
        link_rel=None,
    )


def _kept(_: str, name: str, value: str) -> str | None:
    return None if name == "style" and _WILD.search(value) else value
