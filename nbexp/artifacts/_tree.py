"""Nested data as strict JSON, with placeholders for arrays and tensors.

What JSON has stands for itself. All else is a table with one key, which starts with ``$``:

====================== ======================================================================
``{"$float": "nan"}``  a number that is not finite (as in `nbexp.files`)
``{"$tuple": [...]}``  a tuple
``{"$map": [[k, v]]}`` a dict whose keys are not all text, or start with ``$``
``{"$bytes": "..."}``  bytes, in base64
``{"$tensor": name}``  a torch tensor, in ``data.safetensors``
``{"$complex": name}`` a complex one, there as real pairs (safetensors lacks some of them)
``{"$array": name}``   a numpy array, in ``data.npz``
``{"$scalar": name}``  a numpy scalar, there too
====================== ======================================================================
"""

from __future__ import annotations

import base64
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from nbexp.artifacts._array import is_array
from nbexp.artifacts._base import loaded, type_name

_SCALARS = (bool, int, float, str, type(None))
# safetensors keeps this name for itself.
_RESERVED = "__metadata__"


@dataclass(frozen=True)
class Leaves:
    """The tensors and arrays of a tree, by name."""

    tensors: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Any] = field(default_factory=dict)


def is_tensor(value: object) -> bool:
    """Return whether a value is a torch tensor that safetensors can hold."""
    torch = loaded("torch")
    if torch is None or type(value) not in (torch.Tensor, torch.nn.Parameter):
        return False
    tensor: Any = value
    return (
        tensor.layout == torch.strided
        and tensor.device.type != "meta"
        and not tensor.is_quantized
        and tensor.dtype != torch.complex32
    )


def culprit(value: object, *, leaves: bool = True) -> str | None:
    """Return the place and type of the first part that a tree can't hold, or None.

    Args:
        value: What to look through.
        leaves: Whether arrays and tensors may be among it.
    """
    return next(_culprits(value, "", leaves), None)


def _culprits(value: Any, where: str, leaves: bool) -> Iterator[str]:
    kind = type(value)
    if kind in (dict, OrderedDict):
        for key, item in value.items():
            if not _is_key(key):
                yield f"the key {key!r}{where and ' in '}{where}"
            yield from _culprits(item, f"{where}[{key!r}]", leaves)
    elif kind in (list, tuple):
        for position, item in enumerate(value):
            yield from _culprits(item, f"{where}[{position}]", leaves)
    elif not (kind in _SCALARS or kind is bytes or (leaves and _is_leaf(value))):
        yield f"the {type_name(value)}{where and ' at '}{where}"


def _is_leaf(value: object) -> bool:
    return is_tensor(value) or is_array(value)


def _is_key(key: object) -> bool:
    if type(key) is tuple:
        return all(_is_key(part) for part in key)
    return type(key) in _SCALARS


def encode(value: Any, leaves: Leaves) -> Any:
    """Return a value without culprits as JSON data, and add its arrays and tensors to `leaves`."""
    return _Encoder(leaves).encode(value, "")


class _Encoder:
    def __init__(self, leaves: Leaves) -> None:
        self._leaves = leaves
        self._known: dict[tuple[Any, ...], str] = {}

    def encode(self, value: Any, path: str) -> Any:
        kind = type(value)
        if kind is float and not math.isfinite(value):
            return {"$float": repr(value)}
        if kind in _SCALARS:
            return value
        if kind is bytes:
            return {"$bytes": base64.b64encode(value).decode()}
        if kind is list:
            return self._items(value, path)
        if kind is tuple:
            return {"$tuple": self._items(value, path)}
        if isinstance(value, dict):
            return self._dict(value, path)
        if is_tensor(value):
            return {"$complex" if value.is_complex() else "$tensor": self._tensor(value, path)}
        is_scalar = isinstance(value, loaded("numpy").generic)
        return {"$scalar" if is_scalar else "$array": self._array(value)}

    def _items(self, values: list[Any] | tuple[Any, ...], path: str) -> list[Any]:
        return [self.encode(item, _join(path, n)) for n, item in enumerate(values)]

    def _dict(self, table: dict[Any, Any], path: str) -> Any:
        if all(type(key) is str and not key.startswith("$") for key in table):
            return {key: self.encode(item, _join(path, key)) for key, item in table.items()}
        pairs = [
            [self.encode(key, path), self.encode(item, _join(path, key))]
            for key, item in table.items()
        ]
        return {"$map": pairs}

    def _tensor(self, tensor: Any, path: str) -> str:
        """Return the name of a tensor; the same tensor met again (tied weights) is kept once."""
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
            name = _free_name(path, self._leaves.tensors)
            self._known[identity] = name
            self._leaves.tensors[name] = tensor
        return self._known[identity]

    def _array(self, array: Any) -> str:
        name = f"a{len(self._leaves.arrays)}"  # some names mean something to numpy.savez
        self._leaves.arrays[name] = array
        return name


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _free_name(path: str, taken: dict[str, Any]) -> str:
    """Return the dotted path of a leaf, as other readers of the file know it, made unique."""
    name = path or "value"
    while name in taken or name == _RESERVED:
        name += "_"
    return name


def decode(node: Any, leaves: Leaves) -> Any:
    """Return the value that `encode` gave, after `nbexp.files.from_json`."""
    if isinstance(node, list):
        return [decode(item, leaves) for item in node]
    if not isinstance(node, dict):
        return node
    tag = next(iter(node), "")
    if not tag.startswith("$"):
        return {key: decode(item, leaves) for key, item in node.items()}
    return _decode_tagged(tag, node[tag], leaves)


def _decode_tagged(tag: str, content: Any, leaves: Leaves) -> Any:
    match tag:
        case "$tuple":
            return tuple(decode(content, leaves))
        case "$map":
            return {decode(key, leaves): decode(item, leaves) for key, item in content}
        case "$bytes":
            return base64.b64decode(content)
        case "$tensor":
            return leaves.tensors[content]
        case "$complex":
            return loaded("torch").view_as_complex(leaves.tensors[content])
        case "$array":
            return leaves.arrays[content]
        case "$scalar":
            return leaves.arrays[content][()]
    raise ValueError(f"unknown tag {tag!r}")
