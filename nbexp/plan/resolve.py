"""Puts values in the place of links: once for the notebook, once for the identity.

An artifact or a notebook reaches the notebook as a path, and the identity as a content hash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbexp.errors import LinkError, did_you_mean
from nbexp.files import to_float
from nbexp.pipeline import Link, Secret
from nbexp.pipeline.links import follow
from nbexp.plan.keys import notebook_digest
from nbexp.plan.variants import Variant
from nbexp.runs.outcome import Outcome
from nbexp.runs.variant_folder import VariantFolder
from nbexp.states import State


@dataclass(frozen=True)
class Resolved:
    """A variant's parameters with every link followed.

    Attributes:
        params: As the notebook gets them.
        content: As the identity takes them.
    """

    params: dict[str, Any]
    content: dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What a variant that succeeded leaves to later stages.

    Attributes:
        variant: The variant.
        resolved: Its parameters, with every link followed.
        outcome: How its execution ended.
        folder: Folder that holds its notebook and artifacts.
    """

    variant: Variant
    resolved: Resolved
    outcome: Outcome
    folder: Path

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return VariantFolder(self.folder).notebook

    @property
    def metrics(self) -> dict[str, float]:
        """The scraps that are numbers, and the last value of what was only logged."""
        return {name: reported.last for name, reported in self.outcome.reported.items()} | {
            name: to_float(value)
            for name, value in self.outcome.scraps.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }


def resolve(
    params: Mapping[str, Any],
    one: Callable[[Link], Result],
    many: Callable[[Link], Sequence[Result]],
) -> Resolved:
    """Return parameters with every link followed.

    Args:
        params: Values; leaves may be links and secrets.
        one: Gives the result that a link to one variant leads to.
        many: Gives the results that a link gathers.

    Raises:
        LinkError: A stage did not leave what a link asks for.
    """

    def value_of(value: Any, *, content: bool) -> Any:
        if isinstance(value, Secret):
            return {"secret": value.name} if content else value.name
        if isinstance(value, Link):
            if value.gather is None:
                return _linked(value, one(value), content=content)
            return [_linked(value, result, content=content) for result in many(value)]
        if isinstance(value, dict):
            return {key: value_of(item, content=content) for key, item in value.items()}
        if isinstance(value, list):
            return [value_of(item, content=content) for item in value]
        return value

    table = dict(params)
    return Resolved(value_of(table, content=False), value_of(table, content=True))


def _linked(link: Link, result: Result, *, content: bool) -> Any:
    if link.name is None:
        return _record(result, content=content)
    if link.name == "notebook":
        return _notebook(result, content=content)
    if link.name == "params":
        return _follow(link, _params(result, content=content), result)
    if link.name in result.outcome.scraps:
        return _follow(link, result.outcome.scraps[link.name], result)
    if link.name in result.outcome.artifacts and not link.path:
        return _artifact(result, link.name, content=content)
    if link.name in result.outcome.reported and not link.path:
        return result.outcome.reported[link.name].last
    raise _missing(link, result)


def _follow(link: Link, value: Any, result: Result) -> Any:
    try:
        return follow(value, link.path)
    except LookupError as error:
        message = f"the link {link.text} leads nowhere in {result.variant.name}: {error.args[0]}"
        raise LinkError(message) from None


def _missing(link: Link, result: Result) -> LinkError:
    outcome = result.outcome
    known = sorted({*outcome.scraps, *outcome.artifacts, *outcome.reported})
    if link.name in result.outcome.artifacts:
        what = f"{link.name!r} is an artifact, and a link can't lead into one"
        return LinkError(f"the link {link.text}: {what}. Link to @{link.stage}.{link.name}.")
    what = f"{result.variant.name} neither glued nor saved {link.name!r}"
    if outcome.state is State.PRUNED:
        what = f"{what} before it was stopped early"
    remedy = did_you_mean(str(link.name), known)
    return LinkError(f"the link {link.text} found no value: {what}. {remedy}")


def _notebook(result: Result, *, content: bool) -> Any:
    return {"$content": notebook_digest(result.notebook)} if content else str(result.notebook)


def _params(result: Result, *, content: bool) -> dict[str, Any]:
    return result.resolved.content if content else result.resolved.params


def _artifact(result: Result, name: str, *, content: bool) -> Any:
    if content:
        return {"$content": result.outcome.artifacts[name]}
    return str(VariantFolder(result.folder).artifacts / name)


def _record(result: Result, *, content: bool) -> dict[str, Any]:
    artifacts = result.outcome.artifacts
    return {
        "variant": result.variant.name,
        "params": _params(result, content=content),
        "metrics": result.metrics,
        "scraps": dict(result.outcome.scraps),
        "artifacts": {name: _artifact(result, name, content=content) for name in artifacts},
        "notebook": _notebook(result, content=content),
    }
