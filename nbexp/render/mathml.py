"""LaTeX formulas as MathML, which browsers set without a script."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_LONGEST = 4_000  # characters of a formula
_DEEPEST = 40  # braces and environments in one another
# Macros are not expanded: a few lines of them can stand for gigabytes.
_DEFINES = re.compile(r"\\(?:(?:re|provide)?newcommand|[egx]?def\b|let\b|newenvironment|Declare)")
_LEVEL = re.compile(r"\\[\\{}]|[{}]|\\(?:begin|end|left|right)\b")
_NUMBERED = re.compile(r"\\(?:nonumber|notag)\b|\\label\s*\{[^{}]*\}")
_EDGE = re.compile(r"\\(begin|end)\{([A-Za-z]+)\*?\}(?:(?<=at\})\{\d+\}|(?<=at\*\})\{\d+\})?")
_UNREAD = re.compile(r"\\[A-Za-z]")
_REFERENCE = re.compile(r"&amp;(#x[0-9A-Fa-f]{1,6}|#\d{1,7});")
_WORDS = re.compile(r"[\w#.%, ()-]*")
_LENGTH = re.compile(r"-?\d{0,2}(?:\.\d{1,6})?(?:em|ex|px|pt|mu|%)?")

# What the converter knows under other names; equations are not numbered.
_ENVIRONMENTS = {
    "align": "align*", "aligned": "align*", "alignat": "align*", "alignedat": "align*",
    "flalign": "align*", "eqnarray": "align*", "gather": "matrix", "gathered": "matrix",
    "multline": "matrix", "equation": "", "displaymath": "", "math": "",
}  # fmt: skip
_LENGTHS = {"width", "height", "depth", "lspace", "rspace", "voffset", "minsize", "maxsize",
            "linethickness", "rowspacing", "columnspacing"}  # fmt: skip
_KEPT = {"display", "displaystyle", "scriptlevel", "mathvariant", "stretchy", "fence",
         "form", "separator", "accent", "accentunder", "largeop", "movablelimits", "symmetric",
         "columnalign", "rowalign", "columnlines", "rowlines", "linebreak", "notation",
         "mathcolor"}  # fmt: skip


def to_mathml(latex: str, *, display: bool = False) -> str:
    r"""Return a formula as MathML, or its source where it can't be read.

    Args:
        latex: The formula, without dollar signs around it. It defines no macros (``\def``).
        display: Whether it stands on a line of its own.

    Returns:
        ``<math>…</math>``, or ``<code class="nb-math-error">…</code>``.
    """
    source = latex.strip()
    markup = _convert(source, display) if _is_modest(source) else None
    return markup or f'<code class="nb-math-error">{escape(source, quote=False)}</code>'


def _is_modest(source: str) -> bool:
    if not source or len(source) > _LONGEST or _DEFINES.search(source):
        return False
    depth = 0
    for edge in _LEVEL.findall(source):
        depth += {"{": 1, "\\begin": 1, "\\left": 1, "}": -1, "\\end": -1, "\\right": -1}.get(
            edge, 0
        )
        if depth > _DEEPEST:
            return False
    return True


@lru_cache(maxsize=2_048)
def _convert(source: str, display: bool) -> str | None:
    from xml.etree.ElementTree import tostring

    from latex2mathml.converter import convert_to_element

    tidy = _EDGE.sub(_renamed, _NUMBERED.sub("", source))
    try:
        formula = convert_to_element(tidy, display="block" if display else "inline")
    except Exception:  # it raises a dozen kinds for what it can't read, RecursionError among them
        return None
    for element in formula.iter():
        if _UNREAD.match(element.text or ""):
            return None
        _clean(element)
    return _REFERENCE.sub(r"&\1;", tostring(formula, encoding="unicode"))


def _renamed(edge: re.Match[str]) -> str:
    """Return the edge of an environment, by a name that the converter knows."""
    name = _ENVIRONMENTS.get(edge[2])
    if name is None:
        return edge[0]
    return f"\\{edge[1]}{{{name}}}" if name else ""


def _clean(element: Element) -> None:
    r"""Take away what leads out of the formula (``\href``, ``\style``) or makes it huge."""
    for name, value in list(element.attrib.items()):
        is_small = name in _LENGTHS and all(_LENGTH.fullmatch(part) for part in value.split())
        if not is_small and not (name in _KEPT and _WORDS.fullmatch(value)):
            del element.attrib[name]
