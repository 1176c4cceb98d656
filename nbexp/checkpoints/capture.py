"""Captures the state of an object for a snapshot, and sets the object back to it in place."""

from __future__ import annotations

import numbers
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nbexp.errors import CheckpointError

_TABLES = (dict, OrderedDict, Counter, defaultdict)
_ATOMS = (bool, int, float, str, bytes, type(None))
_REMEDY = (
    "If the notebook was meant to change, delete the variant's folder snapshots/, or start afresh "
    "with: nbexp run --fresh"
)


class CaptureKind(StrEnum):
    """How an object gives and takes its state."""

    STATEFUL = "stateful"  # state_dict and load_state_dict
    MODULE = "module"  # the same, of torch.nn
    OPTIMIZER = "optimizer"
    GENERATOR = "generator"
    TENSOR = "tensor"
    ARRAY = "array"
    LIST = "list"
    TABLE = "table"
    SET = "set"
    DEQUE = "deque"
    VALUE = "value"  # can't be changed in place

    @property
    def is_small(self) -> bool:
        """Whether an iterable may be made of it, such as of a generator or a sampler."""
        return self in (CaptureKind.GENERATOR, CaptureKind.STATEFUL)


@dataclass(frozen=True)
class Captured:
    """An object's kind, and what a snapshot keeps of it (not copied yet)."""

    kind: CaptureKind
    state: Any


def captured(name: str, value: Any) -> Captured:
    """Return what a snapshot keeps of an object.

    Raises:
        CheckpointError: It has no state that can be kept.
    """
    kind = kind_of(value)
    if kind is None:
        raise CheckpointError(
            f"nbexp.checkpoint({name}=…): a {_type_name(value)} can't be kept in snapshots. Give "
            "objects with state_dict and load_state_dict, generators, tensors, arrays, or plain "
            "data (numbers, texts, lists, dicts, sets)."
        )
    return Captured(kind, _state_of(kind, value))


def kind_of(value: Any) -> CaptureKind | None:
    """Return how a value is kept, or None where it can't be."""
    if callable(getattr(value, "state_dict", None)) and hasattr(value, "load_state_dict"):
        return _stateful_kind(value)
    if _generator_access(value) is not None:
        return CaptureKind.GENERATOR
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch is not None and isinstance(value, torch.Tensor):
        return CaptureKind.TENSOR
    if numpy is not None and isinstance(value, numpy.ndarray):
        return CaptureKind.ARRAY
    if numpy is not None and isinstance(value, numpy.generic):
        return CaptureKind.VALUE
    return _data_kind(type(value))


def _stateful_kind(value: Any) -> CaptureKind:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.nn.Module):
        return CaptureKind.MODULE
    if torch is not None and isinstance(value, torch.optim.Optimizer):
        return CaptureKind.OPTIMIZER
    return CaptureKind.STATEFUL


def _data_kind(kind: type) -> CaptureKind | None:
    if kind is list:
        return CaptureKind.LIST
    if kind in _TABLES:
        return CaptureKind.TABLE
    if kind is set:
        return CaptureKind.SET
    if kind is deque:
        return CaptureKind.DEQUE
    return CaptureKind.VALUE if kind in (*_ATOMS, tuple, frozenset) else None


def _generator_access(value: Any) -> tuple[Any, Any] | None:
    """Return how to get and how to set the state of a random generator; None for others."""
    torch, random = sys.modules.get("torch"), sys.modules.get("random")
    numpy = sys.modules.get("numpy.random")
    if torch is not None and isinstance(value, torch.Generator):
        return value.get_state, value.set_state
    if random is not None and isinstance(value, random.Random):
        is_system = isinstance(value, random.SystemRandom)
        return None if is_system else (value.getstate, value.setstate)
    if numpy is not None and isinstance(value, numpy.RandomState):
        return lambda: value.get_state(legacy=False), value.set_state
    if numpy is not None and isinstance(value, numpy.Generator | numpy.BitGenerator):
        source = getattr(value, "bit_generator", value)
        return lambda: source.state, lambda state: setattr(source, "state", state)
    return None


def _state_of(kind: CaptureKind, value: Any) -> Any:
    match kind:
        case CaptureKind.MODULE:
            state = value.state_dict()
            versions = {key: dict(item) for key, item in getattr(state, "_metadata", {}).items()}
            return {"weights": dict(state), "versions": versions}
        case CaptureKind.OPTIMIZER | CaptureKind.STATEFUL:
            return value.state_dict()
        case CaptureKind.GENERATOR:
            access = _generator_access(value)
            return access[0]() if access else None
        case CaptureKind.TABLE:
            return list(value.items())
        case CaptureKind.SET:
            return list(value)
        case CaptureKind.DEQUE:
            return list(value)
    return value


def restore(name: str, value: Any, kept: Captured) -> Any:
    """Set an object back to a kept state, in place where that can be, and return it.

    Raises:
        CheckpointError: The state does not fit the object.
    """
    kind = kind_of(value)
    if kind is not kept.kind and CaptureKind.VALUE not in (kind, kept.kind):
        raise CheckpointError(
            f"{name!r} is a {_type_name(value)} here, but the snapshot holds the state of a "
            f"{kept.kind}. {_REMEDY}"
        )
    try:
        return _restored(kept.kind, value, kept.state) if kind is kept.kind else _made(kept)
    except CheckpointError:
        raise
    except Exception as error:  # of whichever library the object comes from
        raise CheckpointError(
            f"The state that a snapshot holds of {name!r} does not fit this {_type_name(value)}: "
            f"{error}. {_REMEDY}"
        ) from error


def _restored(kind: CaptureKind, value: Any, state: Any) -> Any:
    match kind:
        case CaptureKind.MODULE:
            weights = OrderedDict(state["weights"])
            weights._metadata = OrderedDict(state["versions"])  # type: ignore[attr-defined]
            value.load_state_dict(weights)
        case CaptureKind.OPTIMIZER | CaptureKind.STATEFUL:
            value.load_state_dict(state)
        case CaptureKind.GENERATOR:
            access = _generator_access(value)
            if access:
                access[1](state)
        case CaptureKind.TENSOR | CaptureKind.ARRAY:
            _fill(value, state)
        case CaptureKind.LIST:
            value[:] = state
        case CaptureKind.TABLE | CaptureKind.SET:
            value.clear()
            value.update(dict(state) if kind is CaptureKind.TABLE else state)
        case CaptureKind.DEQUE:
            value.clear()
            value.extend(state)
        case CaptureKind.VALUE:
            return state
    return value


def _fill(value: Any, state: Any) -> None:
    if value.shape != state.shape or value.dtype != state.dtype:
        raise ValueError(
            f"it is of shape {tuple(value.shape)} and type {value.dtype}, the state of shape "
            f"{tuple(state.shape)} and type {state.dtype}"
        )
    if kind_of(value) is CaptureKind.ARRAY:
        value[...] = state
    else:
        value.detach().copy_(state)


def _made(kept: Captured) -> Any:
    """Return a new object for what the notebook put in the place of a plain value, or back."""
    match kept.kind:
        case CaptureKind.TABLE:
            return dict(kept.state)
        case CaptureKind.SET:
            return set(kept.state)
        case CaptureKind.DEQUE:
            return deque(kept.state)
        case CaptureKind.TENSOR | CaptureKind.ARRAY | CaptureKind.LIST | CaptureKind.VALUE:
            return kept.state
    raise ValueError(f"the snapshot holds the state of a {kept.kind}")


def settings_of(kept: Captured) -> Any:
    """Return the numbers and texts that an object was made with, for `with_settings`."""
    if kept.kind in (CaptureKind.OPTIMIZER, CaptureKind.STATEFUL, CaptureKind.VALUE):
        return _atoms(kept.state)
    return None


def _atoms(value: Any) -> Any:
    if type(value) in _ATOMS:
        return value
    if isinstance(value, dict):
        return {key: _atoms(item) for key, item in value.items()}
    return [_atoms(item) for item in value] if isinstance(value, list | tuple) else None


def with_settings(state: Any, theirs: Any, ours: Any) -> Any:
    """Return the state of another variant with what this one was given differently.

    A rate that a schedule has changed since is scaled by the ratio of the two.

    Args:
        state: The state, such as an optimizer's.
        theirs: The other's settings when it began.
        ours: This one's.
    """
    if isinstance(state, dict) and isinstance(theirs, dict) and isinstance(ours, dict):
        return {
            key: with_settings(item, theirs.get(key), ours.get(key)) for key, item in state.items()
        }
    if isinstance(state, list | tuple) and isinstance(theirs, list) and isinstance(ours, list):
        if len(state) == len(theirs) == len(ours):
            mixed = map(with_settings, state, theirs, ours)
            return type(state)(mixed)
        return state
    if type(state) not in _ATOMS or theirs == ours or theirs is None or ours is None:
        return state
    return _scaled(state, theirs, ours)


def _scaled(state: Any, theirs: Any, ours: Any) -> Any:
    is_rate = all(isinstance(each, numbers.Real) and each for each in (state, theirs, ours))
    if state == theirs or not is_rate or not isinstance(state, float):
        return ours
    return state * (ours / theirs)


def _type_name(value: Any) -> str:
    kind = type(value)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
