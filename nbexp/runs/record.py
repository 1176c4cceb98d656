"""What is written of a variant before it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from nbexp.files import read_json, write_json
from nbexp.records import check
from nbexp.runs.variant_folder import VARIANTS, VariantFolder

_INLINE = "inline-"


def inline_key(key: str) -> str:
    """Return the identity of what ran inline, which no variant has: it is never used again."""
    return f"{_INLINE}{key}"


def is_inline(key: str) -> bool:
    """Whether an identity is one that `inline_key` gave."""
    return key.startswith(_INLINE)


@dataclass(frozen=True)
class VariantRecord:
    """What is written of a variant before it runs; also the content of ``variant.json``.

    Attributes:
        name: Name of the variant.
        stage: Name of its stage.
        label: The parameters that tell it from its siblings.
        params: Parameters as the notebook gets them.
        lineage: For each stage that it descends from, the name of the variant.
        key: Its identity; that of `inline_key` where it ran inline.
        parts: What the identity is made of.
        template: Path of the template.
        attempt: Number of the attempt, from 1.
        tracking_id: The tracker's own name for it.
        source: Folder of the run that it was taken from, for a cached one.
        search: The search that suggested its parameters, in whichever form; empty for none.
        pruned_key: Identity of what it leaves if it is stopped early; empty where it can't be.
        texts: Content hash of the template's text cells.
        changed: What it used in an earlier execution of this identity and is not the same any more,
            one sentence each.
    """

    name: str
    stage: str
    label: str
    params: Mapping[str, Any]
    lineage: Mapping[str, str]
    key: str
    parts: Mapping[str, Any]
    template: str
    attempt: int = 1
    tracking_id: str | None = None
    source: str | None = None
    search: str = ""
    pruned_key: str = ""
    texts: str = ""
    changed: Sequence[str] = ()

    @property
    def content(self) -> dict[str, Any]:
        """Its parameters with hashes in the place of artifacts and notebooks, whose paths differ
        where they hold the same.
        """  # noqa: D205
        return dict(_hashed(dict(self.params), self.parts.get("params")))

    def write(self, folder: PathLike[str]) -> None:
        """Write the record into a variant's folder."""
        write_json(VariantFolder.of(folder).record, vars(self), is_checked=True)

    @classmethod
    def read(cls, folder: PathLike[str]) -> VariantRecord | None:
        """Return the record in a variant's folder, or None where there is none of that variant."""
        try:
            fields = read_json(VariantFolder.of(folder).record)
            check(fields, cls)
            record = cls(**fields)
        except (OSError, ValueError, TypeError):
            return None
        place = Path(folder)
        is_another = place.parent.name == VARIANTS and place.name != record.name
        return None if is_another else record


def _hashed(value: Any, content: Any) -> Any:
    """Return a value of a parameter with the hashes that stand for artifacts and notebooks in it.

    Args:
        value: As the notebook gets it.
        content: As the identity takes it.
    """
    if _is_content(content):
        return content
    if isinstance(value, dict) and isinstance(content, dict):
        return {key: _hashed(item, content.get(key)) for key, item in value.items()}
    if isinstance(value, list) and isinstance(content, list) and len(value) == len(content):
        return [_hashed(*pair) for pair in zip(value, content, strict=True)]
    return value


def _is_content(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"$content"}
