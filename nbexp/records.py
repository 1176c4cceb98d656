"""Records in files: whether a JSON value has the parts that its reader counts on.

Files of a run may have been cut off, flipped or written by somebody else; what does not fit is
left out by who reads it, and never reaches what counts on it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

Name = NewType("Name", str)  # of a file or folder in another one
_LARGEST = 2**63
T = TypeVar("T")


def fits(value: Any, kind: Any) -> bool:
    """Whether a JSON value has a type.

    Args:
        value: The value.
        kind: ``Any``, a plain type, an enum, a dataclass (of which the value is the table), a
            mapping, sequence or union of such types, or a table of the types of keys, which may
            all be missing. Integers are as large as 64 bits hold.
    """
    if isinstance(kind, Mapping):
        is_table = isinstance(value, Mapping)
        return is_table and all(fits(value[key], kind[key]) for key in kind.keys() & value.keys())
    return _test_of(kind)(value)


def check(record: Any, kind: type) -> None:
    """Check that a table holds the fields of a dataclass.

    Raises:
        ValueError: It does not, or is no table.
    """
    if not isinstance(record, Mapping):
        raise ValueError(f"expected a table, got a {type(record).__name__}")  # noqa: TRY004
    if fits(record, kind):
        return
    if wrong := next(_wrong(record, kind), None):
        raise ValueError(wrong)


@cache
def _test_of(kind: Any) -> Callable[[Any], bool]:
    """Return what tells whether a value has a type; a run may have millions of records."""
    if kind is Any:
        return lambda _: True
    origin = get_origin(kind)
    if origin is not None:
        return _test_of_composed(origin, get_args(kind))
    if is_dataclass(kind):
        return _test_of_table(kind)
    return lambda value: _fits_plain(value, kind)


def _test_of_composed(origin: Any, kinds: tuple[Any, ...]) -> Callable[[Any], bool]:
    tests = [_test_of(kind) for kind in kinds]
    if origin in (Union, types.UnionType):
        return lambda value: any(test(value) for test in tests)
    if issubclass(origin, Mapping):
        of_key, of_item = tests
        return lambda value: (
            isinstance(value, Mapping)
            and all(of_key(key) and of_item(item) for key, item in value.items())
        )
    if issubclass(origin, Sequence):
        of_each = tests[0]
        return lambda value: isinstance(value, list | tuple) and all(map(of_each, value))
    raise TypeError(f"{origin} is no type of JSON values")


def _test_of_table(kind: Any) -> Callable[[Any], bool]:
    parts = [(name, _test_of(of), needed) for name, (of, needed) in _fields_of(kind).items()]

    def test(value: Any) -> bool:
        if not isinstance(value, Mapping):
            return False
        return all(of(value[n]) if n in value else not needed for n, of, needed in parts)

    return test


def _fits_plain(value: Any, kind: Any) -> bool:
    if kind is Name:
        return isinstance(value, str) and _is_name(value)
    if type(value) is kind and kind in (str, float):
        return True
    if isinstance(value, bool):
        return kind is bool
    if isinstance(value, int):
        return kind in (int, float) and abs(value) < _LARGEST
    if issubclass(kind, Enum):
        return isinstance(value, str) and value in {each.value for each in kind}
    return isinstance(value, kind)


def _is_name(text: str) -> bool:
    if text in ("", ".", "..") or "/" in text or "\0" in text or len(text) >= 256:
        return False
    return text.isascii() or text == text.encode(errors="replace").decode()


def _wrong(record: Mapping[str, Any], kind: Any) -> Iterator[str]:
    """Yield what is wrong with a table that is to have the fields of a dataclass."""
    for name, (of_field, is_needed) in _fields_of(kind).items():
        if name not in record:
            if is_needed:
                yield f"there is no field {name!r}"
        elif not fits(record[name], of_field):
            yield f"the field {name!r} is a {type(record[name]).__name__}, or holds others"


@cache
def _fields_of(kind: Any) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    return {
        each.name: (hints[each.name], each.default is MISSING and each.default_factory is MISSING)
        for each in fields(kind)
    }
