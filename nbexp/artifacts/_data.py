"""Nested data: plain JSON, or with arrays and tensors beside it; and the weights of modules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbexp import files
from nbexp.artifacts import _tree
from nbexp.artifacts._base import Details, Format, UnfitError, loaded, type_name
from nbexp.artifacts._tree import Leaves

_TREE = "data.json"
_TENSORS = "data.safetensors"
_ARRAYS = "data.npz"


class Json(Format):
    """Numbers, texts, None, bytes, and lists, tuples and dicts of them, in ``data.json``."""

    name = "json"

    def accepts(self, value: object) -> bool:
        return _tree.culprit(value, leaves=False) is None

    def write(self, value: Any, folder: Path) -> Details:
        write_tree(value, folder)
        return {}

    def read(self, folder: Path, _details: Details, /) -> Any:
        return read_tree(folder)


class Tree(Json):
    """The same with tensors and arrays among it, such as an optimizer's state."""

    name = "tree"

    def accepts(self, value: object) -> bool:
        return _tree.culprit(value) is None


class Module(Json):
    """A `torch.nn.Module`, of which the weights are kept: its state dict."""

    name = "module"

    def accepts(self, value: object) -> bool:
        torch = loaded("torch")
        return torch is not None and isinstance(value, torch.nn.Module)

    def write(self, value: Any, folder: Path) -> Details:
        state = value.state_dict()
        problem = _tree.culprit(state)
        if problem is not None:
            raise UnfitError(
                f"The weights of this {type_name(value)} hold {problem}, which safetensors can't "
                "keep. Make it a plain dense tensor first, or call "
                "nbexp.save(name, model, pickle=True)."
            )
        write_tree(state, folder)
        return {}


def write_tree(value: Any, folder: Path) -> None:
    """Write nested data without culprits as ``data.*`` files into a folder."""
    leaves = Leaves()
    # Plain ASCII, so that a text with half a pair of surrogates can be written too.
    text = json.dumps(_tree.encode(value, leaves), allow_nan=False)
    (folder / _TREE).write_text(text + "\n", encoding="ascii")
    if leaves.tensors:
        from safetensors.torch import save_file

        save_file(_apart(leaves.tensors), folder / _TENSORS)
    if leaves.arrays:
        import numpy as np

        arrays = {name: np.asarray(array, order="C") for name, array in leaves.arrays.items()}
        np.savez(folder / _ARRAYS, **arrays)  # type: ignore[arg-type]  # no name is an option's


def read_tree(folder: Path) -> Any:
    """Return the nested data that `write_tree` wrote."""
    leaves = Leaves()
    if (folder / _TENSORS).exists():
        from safetensors.torch import load_file

        leaves.tensors.update(load_file(folder / _TENSORS))
    if (folder / _ARRAYS).exists():
        import numpy as np

        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            leaves.arrays.update(arrays)
    return _tree.decode(files.from_json((folder / _TREE).read_bytes()), leaves)


def _apart(tensors: dict[str, Any]) -> dict[str, Any]:
    """Return the tensors dense, on the CPU, in C order, and none a view into another's memory."""
    import torch

    result = {}
    seen = set()
    for name, tensor in tensors.items():
        real = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
        dense = real.detach().resolve_neg().cpu().contiguous()
        if dense.untyped_storage().data_ptr() in seen:
            dense = dense.clone()
        seen.add(dense.untyped_storage().data_ptr())
        result[name] = dense
    return result
