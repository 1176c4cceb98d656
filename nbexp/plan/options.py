"""The options of a stage: every combination of templates, cases, grids and draws of its own."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbexp.files import canonical_json
from nbexp.pipeline import Distribution, Grid, Link, Secret, Stage, Template
from nbexp.pipeline.values import leaves, outermost, place, plain

Choices = dict[str, Any]


@dataclass(frozen=True)
class Option:
    """One concrete assignment of a stage's parameters, but for its links.

    Attributes:
        template: The notebook.
        params: Values; leaves may be links and secrets.
        choices: What was chosen where the stage leaves a choice, by key: for display.
    """

    template: Template
    params: Mapping[str, Any]
    choices: Mapping[str, Any]

    @property
    def key(self) -> str:
        """What tells it from the other options of its stage."""
        return canonical_json([self.template.name, plain(dict(self.params))])

    @property
    def links(self) -> tuple[Link, ...]:
        """The links among the values, each once."""
        return tuple(dict.fromkeys(link for _, link in leaves(dict(self.params), Link)))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets among the values."""
        return tuple(secret.name for _, secret in leaves(dict(self.params), Secret))


@dataclass(frozen=True)
class GridPoint:
    """A grid point of a stage: all is chosen but what its distributions leave open.

    Attributes:
        template: The notebook.
        params: Values; leaves may be links, secrets and distributions.
        choices: What was chosen, by key: for display.
        seed: What its draws are seeded by.
    """

    template: Template
    params: Mapping[str, Any]
    choices: Mapping[str, Any]
    seed: tuple[Any, ...]

    @property
    def space(self) -> dict[str, Distribution]:
        """The distributions by key; those among the values of another count as part of it."""
        return {place(path): each for path, each in outermost(dict(self.params))}

    @property
    def option(self) -> Option:
        """The point itself as an option, whose leaves are distributions still."""
        return Option(self.template, self.params, self.choices)

    def draw(self, number: int) -> Option:
        """Return the option with every distribution drawn, for the number of a sample."""
        return self.fill({}, number)

    def fill(self, values: Mapping[str, Any], number: int) -> Option:
        """Return the option with values in the place of distributions, by key; others are drawn.

        Args:
            values: The values.
            number: Number of the sample, which what is drawn depends on.
        """
        drawn: Choices = {}
        params = _draw(dict(self.params), "", (*self.seed, number), drawn, values)
        return Option(self.template, params, {**self.choices, **drawn})


def expand_options(stage: Stage, seed: int) -> list[Option]:
    """Return the options of a stage, the last parameter varying fastest.

    Args:
        stage: The stage; one whose search is adaptive has none before it runs.
        seed: Seed of the pipeline. A draw depends on it, on the stage, on the grid point and on
            the number of the sample alone, so that adding a value changes no other draw.
    """
    points = expand_points(stage, seed)
    if stage.search.is_adaptive:
        return [point.option for point in points if not point.space]
    return [option for point in points for option in draws(point, range(stage.search.samples))]


def draws(point: GridPoint, numbers: Iterable[int]) -> list[Option]:
    """Return the options that a point's distributions give; one where it has none."""
    return [point.draw(number) for number in (numbers if point.space else (0,))]


def expand_points(
    stage: Stage, seed: int, over: Mapping[str, Any] | None = None
) -> Iterator[GridPoint]:
    """Yield the grid points of a stage: each combination of templates, cases and grids.

    Args:
        stage: The stage.
        seed: Seed of the pipeline.
        over: Values to lay over the parameters, in all cases; those in tables over those there.
    """
    shown, over = _shown(stage.templates), over or {}
    for template, case in itertools.product(stage.templates, stage.cases or ({},)):
        fixed: Choices = {"notebook": shown[template.name]} if len(shown) > 1 else {}
        fixed |= {key: plain(value) for key, value in {**case, **_flat(over)}.items()}
        for params, chosen in _grid_points(_laid_over({**stage.params, **case}, over), ""):
            point = {**{k: v for k, v in fixed.items() if k not in chosen}, **chosen}
            named = {**point, "notebook": template.name} if len(shown) > 1 else point
            yield GridPoint(template, params, point, (seed, stage.name, canonical_json(named)))


def _laid_over(params: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with values laid over them; a table leaves what it does not name."""
    laid = dict(params)
    for key, value in over.items():
        is_inner = isinstance(value, dict) and isinstance(laid.get(key), dict)
        laid[key] = _laid_over(laid[key], value) if is_inner else value
    return laid


def _flat(over: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return values by key, such as ``optimizer.lr`` for one in a table."""
    flat: dict[str, Any] = {}
    for key, value in over.items():
        inner = f"{where}.{key}".lstrip(".")
        flat |= _flat(value, inner) if isinstance(value, dict) and value else {inner: value}
    return flat


def _shown(templates: Sequence[Template]) -> dict[str, str]:
    """Return what each template is called in labels: its stem, where that tells it apart."""
    stems = Counter(template.path.stem for template in templates)
    return {t.name: t.path.stem if stems[t.path.stem] == 1 else t.name for t in templates}


def _grid_points(value: Any, where: str) -> Iterator[tuple[Any, Choices]]:
    if isinstance(value, Grid):
        for item in value.values:
            for point, inner in _grid_points(item, where):
                yield point, {where: plain(item), **inner}
    elif isinstance(value, dict):
        keys = list(value)
        parts = [list(_grid_points(value[key], f"{where}.{key}".lstrip("."))) for key in keys]
        for combination in itertools.product(*parts):
            points = dict(zip(keys, (point for point, _ in combination), strict=True))
            yield points, _merged(inner for _, inner in combination)
    elif isinstance(value, list):
        parts = [list(_grid_points(item, f"{where}[{i}]")) for i, item in enumerate(value)]
        for combination in itertools.product(*parts):
            yield [point for point, _ in combination], _merged(inner for _, inner in combination)
    else:
        yield value, {}


def _merged(tables: Iterator[Choices]) -> Choices:
    return {key: value for table in tables for key, value in table.items()}


def _draw(
    value: Any, where: str, seed: tuple[Any, ...], drawn: Choices, given: Mapping[str, Any]
) -> Any:
    if isinstance(value, Distribution):
        # What is chosen may hold distributions itself, whose draws must not hang on this one.
        chosen = given[where] if where in given else value.draw(*seed, where)
        chosen = _draw(chosen, where, (*seed, "chosen"), drawn, {})
        drawn[where] = plain(chosen)
        return chosen
    if isinstance(value, dict):
        items = ((key, f"{where}.{key}".lstrip("."), item) for key, item in value.items())
        return {key: _draw(item, inner, seed, drawn, given) for key, inner, item in items}
    if isinstance(value, list):
        return [_draw(v, f"{where}[{i}]", seed, drawn, given) for i, v in enumerate(value)]
    return value
