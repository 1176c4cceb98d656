"""Texts without what steers a terminal: characters and colours alone.

A terminal obeys what is written to it: it clears itself, fills the clipboard, shows one address
and opens another. Notebooks and files hold such texts.
"""

from __future__ import annotations

import re

# Controls of ASCII but tab and line feed, those of ISO 6429's C1, what turns the direction of
# writing, separators of lines, anchors of annotations, and halves of surrogate pairs.
_UNSAFE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb"
    "\ud800-\udfff"
)
_SUSPECT = re.compile(f"[{_UNSAFE}]")
_COLOUR = r"\x1b\[[0-9;:]{0,100}m"
_COLOURS = re.compile(_COLOUR)
_SEQUENCE = re.compile(
    rf"(?P<colour>{_COLOUR})"
    r"|(?:\x1b\[|\x9b)[0-?]{0,100}[ -/]{0,100}[@-~]"  # CSI: cursor, screen, modes
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])"  # OSC, DCS and their like: title, clipboard, links
    r"[^\x07\x1b\x9c\n]{0,10000}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,10}[0-~]"
    f"|(?P<half>[\ud800-\udfff])|[{_UNSAFE}]"
)
_RESET = "\x1b[0m"
_BREAKS = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def clean(text: str) -> str:
    """Return a text without any control sequence but colours, whose last one is ended.

    Of what overwrites itself by carriage returns, such as a progress bar, the last state is left.
    """
    if not _SUSPECT.search(text):
        return text
    text = "\n".join(map(_last_state, text.split("\n")))
    text = _SEQUENCE.sub(_kept, text)
    colours = _COLOURS.findall(text)
    if not colours or colours[-1] in (_RESET, "\x1b[m"):
        return text
    whole = text.rstrip("\n")
    return f"{whole}{_RESET}{text[len(whole) :]}"


def plain(text: str) -> str:
    """Return a text without any control sequence, colours included."""
    return _COLOURS.sub("", clean(text))


def one_line(text: str) -> str:
    """Return a text in one line, and without any control sequence; for cells of tables."""
    return plain(_BREAKS.sub("↵", text)).replace("\t", " ")


def _last_state(line: str) -> str:
    states = [state for state in line.split("\r") if state]
    shown = (state for state in reversed(states) if _SEQUENCE.sub("", state).strip())
    return next(shown, "".join(states[-1:]))


def _kept(match: re.Match[str]) -> str:
    if match["half"]:
        return "\N{REPLACEMENT CHARACTER}"
    return match["colour"] or ""
