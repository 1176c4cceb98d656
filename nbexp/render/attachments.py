"""Files beside a page, for outputs that are too big to stand in it.

The attachments of nbformat are others: images in a Markdown cell.
"""

from __future__ import annotations

import base64
import binascii
from html import escape
from pathlib import Path

from nbexp.files import write_atomic
from nbexp.render.texts import size_text

_PLENTY = 32  # times the limit of one output; a page with more in it gets stricter
_STRICTER = 16
_LARGEST = 20_000_000  # bytes of an output; more would double the notebook, and no browser likes it


class Attachments:
    """The folder of a page's big outputs.

    Args:
        folder: Where they are written; made when the first one comes.
        url: Where the folder is, seen from the page.
        inline_bytes: Size up to which an output stands in the page. Where many have added up, only
            smaller ones do.
        whole_url: Where the notebook itself is, seen from the page; empty where it is not there.
    """

    def __init__(self, folder: Path, url: str, inline_bytes: int, whole_url: str = "") -> None:
        self.cell = 0
        self._whole_url = whole_url
        self._folder = folder
        self._url = url.rstrip("/")
        self._limit = inline_bytes
        self._inline = 0
        self._written = 0

    def is_big(self, size: int) -> bool:
        """Whether an output of this size goes into a file; one that does not is counted."""
        has_plenty = self._inline > _PLENTY * self._limit
        if size > (self._limit // _STRICTER if has_plenty else self._limit):
            return True
        self._inline += size
        return False

    @staticmethod
    def is_too_large(size: int) -> bool:
        """Whether an output of this size is left to the notebook."""
        return size > _LARGEST

    def whole(self) -> str:
        """Return the words for the notebook, which has all outputs: a link if there is one."""
        url = escape(self._whole_url)
        return f'<a href="{url}" download>the notebook</a>' if url else "the notebook"

    def left_out(self, size: int) -> str:
        """Return the HTML that stands for an output that is left to the notebook."""
        told = f"This output is too large for a page ({size_text(size)})"
        return f'<p class="nb-note">{told}: {self.whole()} has it.</p>'

    def write(self, suffix: str, content: str | bytes) -> str:
        """Write a file for the present cell, and return its URL.

        Args:
            suffix: Such as ``.png``. Names are made of nothing else that a notebook says.
            content: Text is written as UTF-8 with a mark, as a file has no header to tell it.
        """
        self._written += 1
        name = f"cell-{self.cell}-{self._written}{suffix}"
        self._folder.mkdir(parents=True, exist_ok=True)
        data = content.encode("utf-8-sig") if isinstance(content, str) else content
        write_atomic(self._folder / name, data)
        return f"{self._url}/{name}"


def decoded(text: str) -> bytes | None:
    """Return the bytes of base64, or None where it is broken."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
