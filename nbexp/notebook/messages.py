"""Messages of a kernel that can always be sent: texts that UTF-8 can't hold are made to fit.

By itself ipykernel drops such a message. If it is the reply to a cell, whoever waits for that
waits for ever.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from nbexp.errors import GlueError
from nbexp.files import fit_text

_SCRAP = "application/scrapbook.scrap."


def install() -> None:
    """Have the kernel's messages fit, if this is one of IPython's."""
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython is not None else None
    if kernel is not None:
        kernel.session.pack = fitting(kernel.session.pack)


def fitting(pack: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Return what packs parts of messages as `pack` does, and never fails on a text.

    Raises:
        GlueError: What does not fit was glued: there the value matters.
    """

    def fit(part: Any) -> bytes:
        try:
            packed = pack(part)
            if not packed.isascii():
                packed.decode()  # halves of characters are packed as bytes that are no UTF-8
        except UnicodeError:
            if _is_glued(part):
                raise GlueError(
                    "A glued value holds half of a character, which UTF-8 can't hold; often it "
                    "is the name of a file whose bytes are no UTF-8. Glue repr(text)."
                ) from None
            return pack(_fitted(part))
        return packed

    return fit


def _is_glued(part: Any) -> bool:
    data = part.get("data") if isinstance(part, dict) else None
    return isinstance(data, dict) and any(str(mime).startswith(_SCRAP) for mime in data)


def _fitted(value: Any) -> Any:
    if isinstance(value, str):
        return fit_text(value)
    if isinstance(value, dict):
        return {_fitted(key): _fitted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fitted(item) for item in value]
    return value
