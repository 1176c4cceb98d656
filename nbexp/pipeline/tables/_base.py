"""What a table of the pipeline format may hold: its keys, with type, default, meaning and reader.

The reader of the format, its reference page and its JSON Schema all come from these values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbexp.pipeline.problems import Problems

ReadValue = Callable[[Any, str], Any]
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """What a reader needs beside the value.

    Attributes:
        folder: Folder that relative paths start from.
        problems: Takes in what is wrong.
        read_value: Reads the value of a parameter, given with the place where it stands.
        defaults: What ``[defaults]`` holds for all stages, as it is written.
    """

    folder: Path
    problems: Problems
    read_value: ReadValue
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Type:
    """What can be written for a key.

    Attributes:
        read: Returns what a value stands for, given with its place; it gets None where the key is
            missing and has no default. What is wrong is noted in the context's problems.
        schema: JSON Schema of the value as it is written.
    """

    read: Callable[[Any, str, Context], Any]
    schema: Schema


@dataclass(frozen=True)
class Key:
    """One key of a table.

    Attributes:
        name: As it is written.
        type: What can be written for it.
        meaning: One sentence for the reference page, in Markdown.
        default: What is read where the key is missing.
        default_text: The default as the page has it, where that is not the value itself.
        is_shared: Whether ``[defaults]`` may hold it for all stages.
    """

    name: str
    type: Type
    meaning: str
    default: Any = None
    default_text: str = ""
    is_shared: bool = False

    def default_cell(self) -> str:
        """Return the default as the reference page has it."""
        return self.default_text or f"`{json.dumps(self.default)}`"


@dataclass(frozen=True)
class Table:
    """One table of the format.

    Attributes:
        header: As it is written in a file, with NAME for what the user chooses; a word for the top
            level, which has none.
        keys: Its keys, in the order of the page.
        others: What any other key means; empty where it is a mistake.
        required: Keys that have to be there, for the schema; their types tell what is missing.
        short: Schema of what can be written in place of the table, if anything.
    """

    header: str
    keys: tuple[Key, ...]
    others: str = ""
    required: tuple[str, ...] = ()
    short: Schema = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its keys."""
        return tuple(key.name for key in self.keys)

    def check_keys(self, given: Mapping[str, Any], where: str, problems: Problems) -> None:
        """Note every key that is none of the table's."""
        for name in given:
            if name not in self.names:
                problems.unknown(f"{where}.{name}".lstrip("."), name, self.names)

    def read(self, given: Mapping[str, Any], where: str, context: Context) -> dict[str, Any]:
        """Return the value of each key.

        Args:
            given: The table as it is written.
            where: Its place, such as ``stages.train``.
            context: What readers need.
        """
        if not self.others:
            self.check_keys(given, where, context.problems)
        return {name: self.read_key(name, given, where, context) for name in self.names}

    def read_key(self, name: str, given: Mapping[str, Any], where: str, context: Context) -> Any:
        """Return the value of one key; see `read`."""
        key = next(key for key in self.keys if key.name == name)
        if key.is_shared and name not in given and name in context.defaults:
            return key.type.read(context.defaults[name], f"defaults.{name}", context)
        return key.type.read(given.get(name, key.default), f"{where}.{name}".lstrip("."), context)

    def schema(self) -> dict[str, Any]:
        """Return the table's JSON Schema."""
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {key.name: _described(key) for key in self.keys},
            "additionalProperties": bool(self.others),
        }
        if self.required:
            schema["required"] = list(self.required)
        return {"anyOf": [dict(self.short), schema]} if self.short else schema

    def rows(self) -> Iterator[str]:
        """Yield the lines of its table on the reference page."""
        yield "| key | default | meaning |"
        yield "|---|---|---|"
        for key in self.keys:
            yield f"| `{key.name}` | {key.default_cell()} | {key.meaning} |"
        if self.others:
            yield f"| any other | | {self.others} |"


def _described(key: Key) -> dict[str, Any]:
    schema = {"description": key.meaning, **key.type.schema}
    return schema if key.default is None else {**schema, "default": key.default}
