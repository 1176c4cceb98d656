"""Secrets, replaced in everything that is written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from nbexp.files import fit_text

_MASK = "***"


class Mask:
    """Replaces the values of secrets, longest first, so that none shows by its parts.

    A secret is also found as it stands in a Python literal or in JSON, where its line breaks
    and quotes are escaped.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in _forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return a text without the secrets, and without what UTF-8 can't hold."""
        text = fit_text(text)
        for form in self._forms:
            text = text.replace(form, _MASK)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value with the secrets replaced in its texts, not in its keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return type(value)({key: self.value(item) for key, item in value.items()})
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value

    def cut(self, text: str) -> int:
        """Return how far a text can be shown before it is known how it goes on.

        What stays may be the start of a secret; a secret that is whole is never cut in two.
        """
        cut = min((_start_of(form, text) for form in self._forms), default=len(text))
        while (start := self._start_across(text, cut)) is not None:
            cut = start
        return cut

    def _start_across(self, text: str, cut: int) -> int | None:
        for form in self._forms:
            start = text.find(form, max(0, cut - len(form) + 1), cut + len(form) - 1)
            if start != -1:
                return start
        return None


class MaskedStream:
    """A text that comes in pieces, where a secret may be spread over several of them."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._rest = ""

    def feed(self, piece: str) -> str:
        """Return what can be shown after one more piece."""
        text = self._rest + piece
        cut = self._mask.cut(text)
        self._rest = text[cut:]
        return self._mask.text(text[:cut])

    def flush(self) -> str:
        """Return what was held back."""
        rest, self._rest = self._rest, ""
        return self._mask.text(rest)


def _start_of(form: str, text: str) -> int:
    """Return where a text's end may be the start of a form, or the text's length."""
    start = text.find(form[0], max(0, len(text) - len(form) + 1))
    while start != -1 and not form.startswith(text[start:]):
        start = text.find(form[0], start + 1)
    return len(text) if start == -1 else start


def _forms(secret: str) -> set[str]:
    stripped = secret.strip() or secret  # it is often printed without its last line break
    return {secret, stripped, repr(secret)[1:-1], json.dumps(secret)[1:-1]}
