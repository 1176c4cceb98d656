"""Images that notebooks keep in base64, as URLs of a page."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from nbexp.render.attachments import Attachments, decoded
from nbexp.render.texts import joined

# How their files begin, and the suffixes of those.
IMAGES = {
    "image/png": (b"\x89PNG\r\n\x1a\n", ".png"),
    "image/jpeg": (b"\xff\xd8\xff", ".jpg"),
    "image/gif": (b"GIF8", ".gif"),
    "image/webp": (b"RIFF", ".webp"),
}


@dataclass(frozen=True)
class Image:
    """An image in a page.

    Attributes:
        url: Where it is: ``data:…``, or a file beside the page.
        sides: Attributes with its size, where that is known, so that nothing jumps as it loads.
    """

    url: str
    sides: str = ""


def image_of(mime: str, value: Any, attachments: Attachments) -> Image | None:
    """Return an image that is given in base64, or None where it is broken.

    Args:
        mime: One of `IMAGES`.
        value: The base64, as text or lines of it.
        attachments: Where it goes if it is big.
    """
    text = joined(value)
    content = decoded(text)
    magic, suffix = IMAGES[mime]
    if content is None or not content.startswith(magic):
        return None
    if attachments.is_big(len(text)):
        return Image(attachments.write(suffix, content), _sides(content))
    return Image(f"data:{mime};base64,{''.join(text.split())}", _sides(content))


def _sides(content: bytes) -> str:
    """Return the size that the head of a PNG or GIF tells."""
    if content.startswith(b"\x89PNG") and len(content) >= 24:
        width, height = struct.unpack(">II", content[16:24])
    elif content.startswith(b"GIF8") and len(content) >= 10:
        width, height = struct.unpack("<HH", content[6:10])
    else:
        return ""
    is_sound = 0 < width < 100_000 and 0 < height < 100_000
    return f' width="{width}" height="{height}"' if is_sound else ""
