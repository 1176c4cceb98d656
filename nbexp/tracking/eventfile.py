"""The form of TensorBoard's event files, with tensorboardX's messages."""

from __future__ import annotations

import importlib
import importlib.util
import math
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from nbexp.files import fit_text, to_float, value_text
from nbexp.metrics import Entry
from nbexp.tracking.content import fit_step

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Record:
    """One thing at one moment.

    Attributes:
        time: Seconds since 1970.
        step: The step.
        summary: tensorboardX's message `Summary`.
    """

    time: float
    step: int
    summary: Any


def start_file(path: Path, time: float, params: Mapping[str, Any]) -> None:
    """Begin an event file with the parameters of a variant, for TensorBoard's view HPARAMS.

    What the view shows is not set by us, so TensorBoard gathers it from all variants; whoever sets
    it (as tensorboardX does) shows the parameters of one of them.
    """
    proto = _messages("hparams")
    info = proto.SessionStartInfo(start_time_secs=time)
    for name, value in _leaves(params):
        _set(info.hparams[name], value)
    version = _messages("event").Event(wall_time=time, file_version="brain.Event:2")
    start = _event(Record(time, 0, _hparams("session_start_info", info)))
    _append(path, [version, _restart(time, 0), start])


def append_restart(path: Path, time: float, step: int) -> None:
    """Declare void what the file, or one that it takes the place of, holds from a step on."""
    _append(path, [_restart(time, step)])


def append_records(path: Path, records: Sequence[Record]) -> None:
    """Append to an event file; it is whole, and closed, when this returns."""
    _append(path, [_event(record) for record in records])


def records_of(entry: Entry, folder: Path) -> Iterator[Record]:
    """Yield what a variant logged at one moment.

    Args:
        entry: What it logged.
        folder: Its folder, which files in the entry are relative to.
    """
    for name, value in entry.values.items():
        yield Record(entry.time, entry.step, scalar(name, value))
    for name, rich in entry.rich.items():
        summary = _rich(name, rich, folder)
        if summary is not None:
            yield Record(entry.time, entry.step, summary)


def scalar(name: str, value: float) -> Any:
    """Return the summary of a number."""
    return _summary(name, simple_value=to_float(value))


def text(name: str, value: str) -> Any:
    """Return the summary of a text, which TensorBoard shows as Markdown."""
    tensor, shape = _messages("tensor"), _messages("tensor_shape")
    size = shape.TensorShapeProto(dim=[shape.TensorShapeProto.Dim(size=1)])
    content = tensor.TensorProto(
        dtype="DT_STRING", string_val=[value.encode(errors="replace")], tensor_shape=size
    )
    return _summary(name, tensor=content, metadata=_plugin("text", b""))


def end(time: float, *, is_success: bool) -> Any:
    """Return the summary that tells the view HPARAMS how a variant ended."""
    status = "STATUS_SUCCESS" if is_success else "STATUS_FAILURE"
    info = _messages("hparams").SessionEndInfo(status=status, end_time_secs=time)
    return _hparams("session_end_info", info)


def _rich(name: str, rich: Mapping[str, Any], folder: Path) -> Any | None:
    if rich.get("kind") == "text":
        return text(name, rich["text"])
    if rich.get("kind") == "histogram":
        return _histogram(name, rich["edges"], rich["counts"])
    try:
        return _image(name, (folder / rich["file"]).read_bytes())
    except (OSError, KeyError):  # it is gone, or of a kind that came after this was written
        return None


def _image(name: str, data: bytes) -> Any:
    """Return the summary of an image as it is in its file."""
    width, height = struct.unpack(">II", data[16:24]) if data.startswith(_PNG) else (0, 0)
    image = _messages("summary").Summary.Image(
        width=width, height=height, colorspace=4, encoded_image_string=data
    )
    return _summary(name, image=image)


def _histogram(name: str, edges: Sequence[float], counts: Sequence[float]) -> Any:
    """Return the summary of a histogram; TensorBoard takes a bucket before its first edge, too."""
    filled = [pair for pair, count in zip(pairwise(edges), counts, strict=True) if count]
    histogram = _messages("summary").HistogramProto(
        min=filled[0][0] if filled else 0.0,
        max=filled[-1][1] if filled else 0.0,
        num=sum(counts),
        bucket_limit=edges,
        bucket=[0, *counts],
    )
    return _summary(name, histo=histogram)


def _hparams(what: str, info: Any) -> Any:
    data = _messages("hparams").HParamsPluginData(**{what: info})
    return _summary(f"_hparams_/{what}", metadata=_plugin("hparams", data.SerializeToString()))


def _summary(tag: str, **value: Any) -> Any:
    proto = _messages("summary")
    return proto.Summary(value=[proto.Summary.Value(tag=tag, **value)])


def _plugin(name: str, content: bytes) -> Any:
    metadata = _messages("summary").SummaryMetadata
    return metadata(plugin_data=metadata.PluginData(plugin_name=name, content=content))


def _leaves(params: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in params.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _set(field: Any, value: Any) -> None:
    if isinstance(value, bool):
        field.bool_value = value
    elif isinstance(value, int | float) and math.isfinite(to_float(value)):
        field.number_value = to_float(value)
    else:
        field.string_value = fit_text(value_text(value))


def _event(record: Record) -> Any:
    event = _messages("event").Event
    return event(wall_time=record.time, step=fit_step(record.step), summary=record.summary)


def _restart(time: float, step: int) -> Any:
    proto = _messages("event")
    log = proto.SessionLog(status=proto.SessionLog.START)
    return proto.Event(wall_time=time, step=fit_step(step), session_log=log)


def _append(path: Path, events: Sequence[Any]) -> None:
    with path.open("ab") as file:
        file.write(b"".join(_framed(event.SerializeToString()) for event in events))


def _framed(data: bytes) -> bytes:
    """Return data as a record: its length, and both with check sums (TensorFlow's TFRecord)."""
    length = struct.pack("<Q", len(data))
    return length + _check_sum(length) + data + _check_sum(data)


def _check_sum(data: bytes) -> bytes:
    crc = _part("crc32c").crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _messages(kind: str) -> Any:
    return _part(f"proto.{'plugin_' if kind == 'hparams' else ''}{kind}_pb2")


@cache
def _part(name: str) -> Any:
    with _bare_package():
        return importlib.import_module(f"tensorboardX.{name}")


@contextmanager
def _bare_package() -> Iterator[None]:
    """Have parts of tensorboardX imported without all of it, which would import torch: seconds."""
    spec = importlib.util.find_spec("tensorboardX")
    if "tensorboardX" in sys.modules or spec is None:
        yield
        return
    sys.modules["tensorboardX"] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules["tensorboardX"]
