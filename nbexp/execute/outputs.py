"""What an executed notebook leaves: scraps, artifacts and figures."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp import artifacts
from nbexp.files import write_atomic
from nbexp.notebook import reader
from nbexp.runs.variant_folder import VariantFolder
from nbexp.scrapbook_format import about

_LONGEST_NAME = 50  # characters, of up to four bytes each
_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/svg+xml": "svg"}


@dataclass(frozen=True)
class Outputs:
    """What one execution left.

    Attributes:
        scraps: Values that the notebook glued, by name.
        artifacts: Content hash of each saved artifact, by name.
        figures: Names of the image files in ``figures/``.
        note: A remark for the user, or an empty text.
        hashes: SHA-256 of the artifacts' files, by their paths in the variant's folder.
    """

    scraps: Mapping[str, Any]
    artifacts: Mapping[str, str]
    figures: tuple[str, ...]
    note: str
    hashes: Mapping[str, str]


def collect(notebook: Any, folder: Path, number_of: Callable[[Any], int | None]) -> Outputs:
    """Gather what a notebook glued and saved, and write its tables and figures into files.

    Args:
        notebook: The executed notebook.
        folder: The variant's folder.
        number_of: Gives the number of a cell in the template; None for one that was put in.

    Raises:
        ArtifactError: Something that it saved can't be read or was changed since, or a table
            can't be saved.
    """
    scraps = reader.scraps(notebook)
    saved = VariantFolder(folder).artifacts
    _save_frames(scraps.frames, saved)
    found = artifacts.scan(saved)
    digests = {name: item.digest for name, item in found.items()}
    images = [*_glued_images(scraps.displays), *_cell_images(notebook, number_of)]
    return Outputs(
        scraps=scraps.values,
        artifacts=digests,
        figures=_write_figures(images, VariantFolder(folder).figures),
        note="; ".join(_remarks(scraps, digests)),
        hashes={
            f"{saved.name}/{name}/{file}": sha256
            for name, item in found.items()
            for file, sha256 in artifacts.hashes(item).items()
        },
    )


def _save_frames(frames: Mapping[str, bytes], folder: Path) -> None:
    missing = [name for name in frames if not (folder / name).exists()]
    if not missing:
        return
    import pandas as pd

    for name in missing:
        artifacts.save(folder, name, pd.read_parquet(io.BytesIO(frames[name])))


def _remarks(scraps: Any, digests: Mapping[str, str]) -> Iterator[str]:
    if scraps.unreadable:
        yield f"scraps that could not be read: {', '.join(scraps.unreadable)}"
    if both := sorted(set(scraps.values) & set(digests)):
        yield f"both glued and saved (links take the glued value): {', '.join(both)}"


def _glued_images(displays: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, bytes]]:
    for name, bundle in displays.items():
        yield from _images(re.sub(r"[^\w.-]+", "_", name)[:_LONGEST_NAME], bundle)


def _cell_images(
    notebook: Any, number_of: Callable[[Any], int | None]
) -> Iterator[tuple[str, bytes]]:
    """Yield the images of all cells; the number in a name is the cell's, as in the log."""
    for cell in notebook.cells:
        number = number_of(cell) or 0
        bundles = [
            output.data
            for output in cell.get("outputs", [])
            if "data" in output and not about(output) and not _IMAGES.keys().isdisjoint(output.data)
        ]
        for position, bundle in enumerate(bundles, start=1):
            yield from _images(f"cell-{number:02}-{position}", bundle)


def _images(name: str, bundle: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    for mime, suffix in _IMAGES.items():
        if mime not in bundle:
            continue
        text = "".join(bundle[mime])
        yield (
            f"{name}.{suffix}",
            text.encode() if suffix == "svg" else base64.b64decode(text),
        )


def _write_figures(images: list[tuple[str, bytes]], folder: Path) -> tuple[str, ...]:
    if images:
        folder.mkdir(exist_ok=True)
    for name, content in images:
        write_atomic(folder / name, content)
    return tuple(name for name, _ in images)
