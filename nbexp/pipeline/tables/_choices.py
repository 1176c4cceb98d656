"""What is chosen by name or by the import path of a class of Tune's, with its own options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbexp.errors import did_you_mean, suggest
from nbexp.pipeline.tables._base import Context, Type
from nbexp.pipeline.values import leaves, plain

_IMPORT_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*[.:][^\W\d]\w*")
_OF_THE_STAGE = ("metric", "mode")  # arguments of Tune's that a stage settles itself
_NOT_MISSPELT = ("sampler",)  # an option of Optuna's, however near to samples


@dataclass(frozen=True)
class Choice:
    """A family of classes.

    Attributes:
        what: What they are, for messages.
        names: Those that have a name.
        base: Tune's base class of the others.
        form: What their options can be, for messages.
        refused: Types of values that their options can't be.
    """

    what: str
    names: tuple[str, ...]
    base: str
    form: str
    refused: Any

    @property
    def type(self) -> Type:
        """The type of the key that names one."""
        import_path = {"type": "string", "pattern": "[.:]"}
        return Type(self.read, {"anyOf": [{"enum": list(self.names)}, import_path]})

    def read(self, value: Any, where: str, context: Context) -> str | None:
        """Return a name of the family's, or the import path of a class."""
        if not isinstance(value, str):
            example = f'{where.rpartition(".")[2]} = "{self.names[1]}"'
            context.problems.expect(where, value, f"the name of a {self.what}", example)
            return None
        if value in self.names or _IMPORT_PATH.fullmatch(value):
            return value
        near = did_you_mean(value.lower(), self.names)
        remedy = f"{near} Or give the import path of a Tune {self.base}: package.module:Class."
        context.problems.add(where, f"unknown {self.what} {value!r}", remedy)
        return None

    def read_options(
        self, table: Mapping[str, Any], keys: tuple[str, ...], where: str, context: Context
    ) -> dict[str, Any]:
        """Return the settings of the class itself, which knows best what they mean.

        Args:
            table: The whole table.
            keys: Its keys that are nbexp's.
            where: The table's place.
            context: What readers need.
        """
        given = {str(key): value for key, value in table.items() if key not in keys}
        options = {key: context.read_value(value, f"{where}.{key}") for key, value in given.items()}
        for key, option in options.items():
            self._check_option(key, option, keys, where, context)
        return options

    def _check_option(
        self, key: str, option: Any, keys: tuple[str, ...], where: str, context: Context
    ) -> None:
        problems = context.problems
        if key in _OF_THE_STAGE:
            remedy = f"Write it under [{where.rpartition('.')[0]}]."
            problems.add(f"{where}.{key}", f"{key} is a setting of the stage", remedy)
        elif key not in _NOT_MISSPELT and suggest(key, keys, cutoff=0.85):
            problems.unknown(f"{where}.{key}", key, keys)
        for _, leaf in leaves(option, self.refused):
            example = f'{key} = 1, or {key} = "@params.NAME"'
            problems.expect(f"{where}.{key}", plain(leaf), self.form, example)
