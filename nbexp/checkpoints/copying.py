"""Copies of nested data, made quickly, in a form that artifacts keep, and back.

What `nbexp.artifacts` has no place for becomes a table with one key, which starts with
``$nbexp.``: sets, deques, counters, ordered dicts, and tensors that lie on another device.
"""

from __future__ import annotations

import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Mapping
from typing import Any

_TAG = "$nbexp."
_PLAIN_BYTES = 32  # about what a number takes in memory

_Path = tuple[Any, ...]  # of keys and positions


class Copier:
    """Copies data into memory of its own; its tensors go into those of the last copy.

    Fresh memory costs some ten times as much as the copying itself.
    """

    def __init__(self) -> None:
        self._buffers: dict[_Path, Any] = {}

    def copy(self, values: Mapping[str, Any], *, here: Collection[str] = ()) -> dict[str, Any]:
        """Return copies in a form for `nbexp.artifacts.write_tree`.

        What can't be copied stays as it is, for `nbexp.artifacts.culprit` to find.

        Args:
            values: Nested data by name; the same tensor met twice is copied once.
            here: Names of those whose tensors need not remember on which device they lie.
        """
        copying = _Copying(self._buffers)
        copies = {name: copying.copy_of(name, values[name], name not in here) for name in values}
        self._buffers = copying.buffers
        return copies


def tagged(value: Any) -> Any:
    """Return data in the form that `Copier.copy` gives it, with tensors and arrays as they are."""
    return _Copying({}, clones=False).copy_of("", value, devices=False)


class _Copying:
    def __init__(self, buffers: dict[_Path, Any], *, clones: bool = True) -> None:
        self._old = buffers
        self.buffers: dict[_Path, Any] = {}
        self._clones = clones
        self._devices = False
        self._known: dict[tuple[Any, ...], Any] = {}

    def copy_of(self, name: str, value: Any, devices: bool) -> Any:
        self._devices = devices
        return self.copy(value, (name,))

    def copy(self, value: Any, path: _Path) -> Any:
        kind = type(value)
        if kind is dict:
            return self._dict(value, path)
        if kind is list or kind is tuple:
            return kind(self._items(value, path))
        if kind in (OrderedDict, Counter):
            return {_TAG + kind.__name__: self._pairs(value, path)}
        if kind in (set, frozenset):
            return {_TAG + kind.__name__: self._items(value, path)}
        if kind is deque:
            return {_TAG + "deque": [self._items(value, path), value.maxlen]}
        if not self._clones:
            return value
        if _is_tensor(value):
            return self._tensor(value, path)
        numpy = sys.modules.get("numpy")
        is_array = numpy is not None and kind is numpy.ndarray and not value.dtype.hasobject
        return value.copy() if is_array else value

    def _items(self, values: Any, path: _Path) -> list[Any]:
        return [self.copy(item, (*path, n)) for n, item in enumerate(values)]

    def _pairs(self, table: Any, path: _Path) -> list[Any]:
        return [(key, self.copy(item, (*path, key))) for key, item in table.items()]

    def _dict(self, table: dict[Any, Any], path: _Path) -> dict[Any, Any]:
        copied = dict(self._pairs(table, path))
        return {_TAG + "dict": copied} if _tag_of(table) else copied

    def _tensor(self, tensor: Any, path: _Path) -> Any:
        identity = (
            tensor.device,
            tensor.untyped_storage().data_ptr() if tensor.numel() else id(tensor),
            tensor.storage_offset(),
            tensor.dtype,
            tensor.shape,
            tensor.stride(),
            tensor.is_conj(),
            tensor.is_neg(),
        )
        if identity not in self._known:
            self._known[identity] = self._cloned(tensor, path)
        clone, device = self._known[identity], str(tensor.device)
        return {_TAG + "on": [device, clone]} if self._devices and device != "cpu" else clone

    def _cloned(self, tensor: Any, path: _Path) -> Any:
        import torch

        buffer = self._old.get(path)
        if buffer is None or buffer.shape != tensor.shape or buffer.dtype != tensor.dtype:
            buffer = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")
        self.buffers[path] = buffer
        return buffer.copy_(tensor.detach())


def revive(value: Any) -> Any:
    """Return the data of which `Copier.copy` made `value`, on the devices that are here."""
    kind = type(value)
    if kind is list or kind is tuple:
        return kind(revive(item) for item in value)
    if kind is not dict:
        return value
    tag = _tag_of(value)
    if not tag:
        return {key: revive(item) for key, item in value.items()}
    return _untagged(tag.removeprefix(_TAG), value[tag])


def _untagged(tag: str, content: Any) -> Any:
    match tag:
        case "set" | "frozenset":
            items = revive(content)
            return set(items) if tag == "set" else frozenset(items)
        case "deque":
            return deque(revive(content[0]), maxlen=content[1])
        case "OrderedDict":
            return OrderedDict(revive(content))
        case "Counter":
            return Counter(dict(revive(content)))
        case "dict":
            return {key: revive(item) for key, item in content.items()}
    device, tensor = content
    return tensor.to(device) if _is_here(device) else tensor


def size_of(value: Any) -> int:
    """Return about how many bytes the copy of a value takes."""
    if isinstance(value, dict):
        return sum(map(size_of, value.values())) + _PLAIN_BYTES * len(value)
    if isinstance(value, list | tuple | set | frozenset | deque):
        return sum(map(size_of, value))
    return int(getattr(value, "nbytes", _PLAIN_BYTES))


def _tag_of(table: dict[Any, Any]) -> str:
    if len(table) != 1:
        return ""
    (key,) = table
    return key if type(key) is str and key.startswith(_TAG) else ""


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    if torch is None or type(value) not in (torch.Tensor, torch.nn.Parameter):
        return False
    is_dense = value.layout == torch.strided and not value.is_quantized
    return bool(is_dense and value.device.type != "meta" and value.dtype != torch.complex32)


def _is_here(device: str) -> bool:
    import torch

    kind, _, number = device.partition(":")
    if kind == "cuda":
        return int(number or 0) < int(torch.cuda.device_count())
    return bool(kind == "mps" and torch.backends.mps.is_available())
