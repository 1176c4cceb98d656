"""The options of a stage: every combination of templates, cases, grids and draws of its own."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nbexp.files import canonical_json
from nbexp.pipeline import Distribution, Grid, Link, Secret, Stage, Template
from nbexp.pipeline.values import leaves, plain

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
    def links(self) -> tuple[Link, ...]:
        """The links among the values, each once."""
        return tuple(dict.fromkeys(link for _, link in leaves(dict(self.params), Link)))

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets among the values."""
        return tuple(secret.name for _, secret in leaves(dict(self.params), Secret))


def expand_options(stage: Stage, seed: int) -> list[Option]:
    """Return the options of a stage, the last parameter varying fastest.

    Args:
        stage: The stage.
        seed: Seed of the pipeline. A draw depends on it, on the stage, on the grid point and on
            the number of the sample alone, so that adding a value changes no other draw.
    """
    options = []
    shown = _shown(stage.templates)
    for template, case in itertools.product(stage.templates, stage.cases or ({},)):
        fixed: Choices = {"notebook": shown[template.name]} if len(shown) > 1 else {}
        fixed |= {key: plain(value) for key, value in case.items()}
        for params, chosen in _grid_points({**stage.params, **case}, ""):
            point = {**{k: v for k, v in fixed.items() if k not in chosen}, **chosen}
            named = {**point, "notebook": template.name} if len(shown) > 1 else point
            for values, drawn in _samples(stage, params, (seed, stage.name, canonical_json(named))):
                options.append(Option(template, values, {**point, **drawn}))
    return options


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


def _samples(
    stage: Stage, params: dict[str, Any], seed: tuple[Any, ...]
) -> Iterator[tuple[dict[str, Any], Choices]]:
    count = stage.search.samples if leaves(params, Distribution) else 1
    for number in range(count):
        drawn: Choices = {}
        yield _draw(params, "", (*seed, number), drawn), drawn


def _draw(value: Any, where: str, seed: tuple[Any, ...], drawn: Choices) -> Any:
    if isinstance(value, Distribution):
        # What is chosen may hold distributions itself, whose draws must not hang on this one.
        chosen = _draw(value.draw(*seed, where), where, (*seed, "chosen"), drawn)
        drawn[where] = plain(chosen)
        return chosen
    if isinstance(value, dict):
        return {k: _draw(v, f"{where}.{k}".lstrip("."), seed, drawn) for k, v in value.items()}
    if isinstance(value, list):
        return [_draw(item, f"{where}[{i}]", seed, drawn) for i, item in enumerate(value)]
    return value
