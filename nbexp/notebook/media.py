"""What a logged value is: a number, a text, an image or a histogram."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import sys
import zlib
from numbers import Real
from pathlib import Path
from typing import Any

from nbexp.errors import LogError
from nbexp.files import to_float, write_atomic
from nbexp.masks import own_mask
from nbexp.runs.variant_folder import MEDIA, VariantFolder

_BINS = 64
_PNG = b"\x89PNG\r\n\x1a\n"
_COLOURS = {1: 0, 3: 2, 4: 6}  # PNG's colour type by channels
_TAKEN = (
    "Log numbers, texts, images (arrays of two or three dimensions, PIL images, figures, PNG as "
    "bytes) or arrays of one dimension for their histogram"
)

Rich = dict[str, Any]


def number_of(value: Any) -> float | None:
    """Return a number, or an array or tensor of one item, as a float; None for all else."""
    if isinstance(value, Real):
        return to_float(value)  # type: ignore[arg-type]
    if not hasattr(value, "dtype") or not hasattr(value, "item") or getattr(value, "size", 0) == 0:
        return None
    count = value.numel() if hasattr(value, "numel") else value.size
    item = value.item() if count == 1 else None
    return to_float(item) if isinstance(item, Real) else None  # type: ignore[arg-type]


def rich_of(name: str, value: Any, step: int, folder: Path | None) -> Rich:
    """Return the record of a text, image or histogram; an image is written into a file first.

    Args:
        name: Name under which it is logged.
        value: What is logged.
        step: Its step.
        folder: The variant's folder, or None where nothing is to be written.

    Raises:
        LogError: It is none of them.
    """
    if isinstance(value, str):
        return {"kind": "text", "text": own_mask().text(str.__str__(value))}
    png = _png_of(value)
    array = None if png else _array_of(name, value)
    if array is not None and array.ndim == 1:
        return _histogram(name, array)
    png = png or _encode(_pixels(name, array))
    return {"kind": "image", "file": _write(name, step, png, folder)}


def _png_of(value: Any) -> bytes | None:
    """Return what knows how to become a PNG file as one."""
    if isinstance(value, bytes):
        return value if value.startswith(_PNG) else None
    figure, image = sys.modules.get("matplotlib.figure"), sys.modules.get("PIL.Image")
    buffer = io.BytesIO()
    if figure is not None and isinstance(value, figure.Figure):
        value.savefig(buffer, format="png", bbox_inches="tight")
    elif image is not None and isinstance(value, image.Image):
        value.save(buffer, format="png")
    return buffer.getvalue() or None


def _array_of(name: str, value: Any) -> Any:
    """Return an array or tensor of one to three dimensions as a numpy array."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        plain = value.detach().cpu()
        value = (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()
    is_array = hasattr(value, "__array__") and hasattr(value, "ndim")
    if not is_array or type(value).__name__ == "DataFrame":
        raise _refusal(name, value)
    import numpy as np

    array = np.asarray(value)
    if array.dtype.kind not in "buif" or array.ndim not in (1, 2, 3) or not array.size:
        raise _refusal(name, value)
    return array


def _histogram(name: str, array: Any) -> Rich:
    import numpy as np

    finite = array[np.isfinite(array)].astype(float)
    if not finite.size:
        raise LogError(f"nbexp.log({name!r}, …): none of these {array.size:,} numbers is finite.")
    counts, edges = np.histogram(finite, bins=_BINS)
    return {"kind": "histogram", "edges": edges.tolist(), "counts": counts.tolist()}


def _pixels(name: str, array: Any) -> Any:
    """Return an image as bytes of height, width and channels."""
    import numpy as np

    image = array[..., None] if array.ndim == 2 else array
    if image.shape[2] not in _COLOURS and image.shape[0] in _COLOURS:
        image = image.transpose(1, 2, 0)
    if image.shape[2] not in _COLOURS:
        raise LogError(
            f"nbexp.log({name!r}, …): an image has 1, 3 or 4 channels, in its last dimension or "
            f"its first, but this array is of shape {array.shape}."
        )
    if image.dtype == np.uint8:
        return image
    most = 1 if image.dtype.kind in "bf" else 255
    image = np.nan_to_num(image.astype(float), nan=0.0)
    if image.min() < 0 or image.max() > most:
        raise LogError(
            f"nbexp.log({name!r}, …): the values of an image lie between 0 and {most}, but these "
            f"lie between {image.min():g} and {image.max():g}. Scale them, or log its histogram: "
            "array.flatten()."
        )
    return np.rint(image * (255 / most)).astype(np.uint8)


def _encode(pixels: Any) -> bytes:
    """Return a PNG file, by the format's specification (W3C, Portable Network Graphics)."""
    height, width, channels = pixels.shape
    header = struct.pack(">2I5B", width, height, 8, _COLOURS[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return _PNG + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _write(name: str, step: int, png: bytes, folder: Path | None) -> str:
    """Write an image; named by its content, so that a step that is run again makes no second."""
    cleaned = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:60]
    file = f"{MEDIA}/{cleaned}-{step:06}-{hashlib.sha256(png).hexdigest()[:8]}.png"
    if folder is not None and not (folder / file).exists():
        VariantFolder(folder).media.mkdir(exist_ok=True)
        write_atomic(folder / file, png)
    return file


def _refusal(name: str, value: Any) -> LogError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return LogError(f"nbexp.log({name!r}, …): a {kind}{shape} can't be logged. {_TAKEN}.")
