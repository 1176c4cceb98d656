"""Reads the value of a parameter: literals, links, secrets and search spaces, nested at will."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from typing import Any

from nbexp.errors import did_you_mean, suggest
from nbexp.files import fit_text
from nbexp.pipeline.links import FORMS, Link, follow, is_link, parse_link
from nbexp.pipeline.problems import Problems
from nbexp.pipeline.spaces import SPACE_KEYS, Distribution, Grid, form_of, read_space
from nbexp.pipeline.values import Secret, leaves, plain


class ParamReader:
    """Reads parameter values as written into trees of values.

    Args:
        shared: The pipeline's own values, for ``@params.NAME``.
        environment: Environment variables, for secrets.
        problems: Where mistakes are noted.

    Attributes:
        used: Names of the pipeline's own values that have been linked to.
    """

    def __init__(
        self, shared: Mapping[str, Any], environment: Mapping[str, str], problems: Problems
    ) -> None:
        self.shared = shared
        self.used: set[str] = set()
        self.environment = environment
        self.problems = problems

    def read(self, value: Any, where: str) -> Any:
        """Return the value that a parameter is written as."""
        if isinstance(value, Grid | Distribution):  # built in code
            kind = "grid" if isinstance(value, Grid) else value.kind
            items = value.values if isinstance(value, Grid) else value.arguments
            return self._space(kind, list(items), where)
        if isinstance(value, dict):
            return self._table(value, where)
        if isinstance(value, list | tuple):
            return [self.read(item, f"{where}[{i}]") for i, item in enumerate(value)]
        if isinstance(value, str):
            return self._text(value, where)
        if value is None or isinstance(value, bool | int | float | Link | Secret):
            return value
        self._refuse(value, where)
        return None

    def _refuse(self, value: Any, where: str) -> None:
        if isinstance(value, datetime.date | datetime.time):
            remedy = f'Write it as text, "{value}", and parse it in the notebook.'
            self.problems.add(where, "a date can't be passed to a notebook", remedy)
            return
        form = f"got a {type(value).__name__}: {value!r}"
        remedy = "Convert it, or save it as a file and pass its path."
        self.problems.add(where, f"expected text, a number, a list or a table, {form}", remedy)

    def _table(self, table: dict[str, Any], where: str) -> Any:
        if len(table) != 1:
            self._check_no_space(table, where)
            return self._items(table, where)
        key, value = next(iter(table.items()))
        if key == "value":
            is_table = isinstance(value, dict)
            return self._items(value, where) if is_table else self.read(value, where)
        if key == "secret":
            return self._secret(value, where)
        if key in SPACE_KEYS:
            return self._space(key, value, where)
        near = suggest(key, SPACE_KEYS, cutoff=0.75)
        if near and isinstance(value, list):
            remedy = f"Did you mean {near!r}? A table of your own is {{ value = {{ {key} = … }} }}."
            self.problems.add(where, f"unknown search space {key!r}", remedy)
        return self._items(table, where)

    def _check_no_space(self, table: dict[str, Any], where: str) -> None:
        spaces = [key for key, item in table.items() if key in SPACE_KEYS and _is_list(item)]
        if spaces:
            message = f"the search space {spaces[0]!r} must stand alone in its table"
            others = ", ".join(repr(key) for key in table if key != spaces[0])
            remedy = f"Leave out {others}; a table of your own is {{ value = {{ … }} }}."
            self.problems.add(where, message, remedy)

    def _items(self, table: dict[str, Any], where: str) -> dict[str, Any]:
        for key in table:
            self._check_halves(str(key), where)
        return {str(key): self.read(item, f"{where}.{key}") for key, item in table.items()}

    def _space(self, kind: str, arguments: Any, where: str) -> Any:
        space, wrong = read_space(kind, arguments)
        if space is None:
            own = f"{{ value = {{ {kind} = … }} }}"
            remedy = f"Write {form_of(kind)}; a table of your own is written {own}."
            self.problems.add(where, wrong, remedy)
            return None
        if isinstance(space, Grid):
            values = tuple(self.read(v, f"{where}[{i}]") for i, v in enumerate(space.values))
            self._check_distinct(space.values, where)
            return Grid(values)
        if kind != "choice":
            return space
        values = tuple(self.read(v, f"{where}[{i}]") for i, v in enumerate(space.arguments))
        if leaves(list(values), Grid):
            remedy = "Put the grid outside, or list its values in the choice."
            self.problems.add(where, "a choice can't hold a grid", remedy)
        return Distribution(kind, values)

    def _check_distinct(self, values: tuple[Any, ...], where: str) -> None:
        counts = Counter(repr(plain(value)) for value in values)
        twice = [text for text, count in counts.items() if count > 1]
        if twice:
            self.problems.add(where, f"the grid holds {', '.join(twice)} twice", "Remove one.")

    def _secret(self, name: Any, where: str) -> Secret | None:
        if not isinstance(name, str) or not name.isidentifier():
            self.problems.expect(
                where, name, "the name of an environment variable", '{ secret = "HF_TOKEN" }'
            )
            return None
        if not self.environment.get(name):
            message = f"the secret {name!r} is not set in the environment"
            self.problems.add(where, message, f"Set it before the run: export {name}=…")
        return Secret(name)

    def _text(self, text: str, where: str) -> Any:
        self._check_halves(text, where)
        if text.startswith("@@"):
            return text[1:]
        if not is_link(text):
            return text
        link = parse_link(text)
        if link is None:
            self.problems.add(where, f"malformed link {text!r}", f"Forms of a link: {FORMS}.")
            return None
        return self._shared(link, where) if link.stage == "params" else link

    def _check_halves(self, text: str, where: str) -> None:
        if fit_text(text) != text:
            message = f"the text {text!r} holds half of a character, which UTF-8 can't hold"
            remedy = "Often it is the name of a file whose bytes are no UTF-8: rename the file."
            self.problems.add(where, message, remedy)

    def _shared(self, link: Link, where: str) -> Any:
        if link.gather is not None:
            message = f"malformed link {link.text!r}: [params] has no variants"
            self.problems.add(where, message, f"Write @params.{link.name or 'NAME'}.")
            return None
        if link.name is None or link.name not in self.shared:
            near = did_you_mean(str(link.name), self.shared) if self.shared else ""
            message = f"unknown pipeline-wide parameter {link.name!r}"
            self.problems.add(
                where,
                message,
                f"{near} Or add it under [params]." if near else "Add it under [params].",
            )
            return None
        self.used.add(link.name)
        try:
            return follow(self.shared[link.name], link.path)
        except LookupError as error:
            remedy = f"Look at [params] {link.name}."
            self.problems.add(where, f"{link.text} leads nowhere: {error.args[0]}", remedy)
            return None


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)
