"""The variants of a stage: its own options, for each combination of upstream variants.

Two links that go back to one ancestor always meet in the same variant of that ancestor: a
diamond never mixes lineages. Links that gather don't multiply.
"""

from __future__ import annotations

import json
import re
from collections import ChainMap, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from nbexp.files import digest
from nbexp.pipeline.values import plain
from nbexp.plan.options import Option

_DIGITS = 8
_LONGEST = 120  # characters of a text in a label
_LITERAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|nan)|true|false|null|", re.I)


@dataclass(frozen=True)
class Variant:
    """One concrete assignment of a stage's parameters.

    Attributes:
        name: Stage and a hash of what the variant is, such as ``train-3f9a2c81``.
        stage: Name of the stage.
        option: Template, parameters and choices.
        lineage: For each stage that it descends from, the name of the variant.
        upstream: The part of the lineage that it links to itself.
        inherited: The choices of the variants that it descends from, such as ``train.lr``.
    """

    name: str
    stage: str
    option: Option
    lineage: Mapping[str, str]
    upstream: Mapping[str, str]
    inherited: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The parameters that tell it from its siblings, such as ``hidden=32 lr=0.01``."""
        choices = {**self.option.choices, **self.inherited}
        return " ".join(f"{key}={short(value)}" for key, value in choices.items())


def short(value: Any) -> str:
    """Return a value as a person would write it in a line, numbers with four digits.

    A text that reads like another value is quoted, and a float that is whole has its point.
    """
    if isinstance(value, float):
        text = f"{value:.4g}"
        return f"{text}.0" if text.lstrip("-").isdigit() else text
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False) if _reads_otherwise(value) else value
        return text if len(text) <= _LONGEST else f"{text[:60]}…{text[-40:]}"
    if isinstance(value, Mapping):
        text = f"{{{', '.join(f'{key}={short(each)}' for key, each in value.items())}}}"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(short, value))}]"
    else:
        text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _reads_otherwise(text: str) -> bool:
    """Whether a text could be taken for a number or the like, or breaks the line."""
    return len(text.splitlines()) > 1 or _LITERAL.fullmatch(text) is not None


def expand_variants(
    stage: str,
    options: Iterable[Option],
    upstream: Mapping[str, Sequence[Variant]],
    taken: dict[str, Variant] | None = None,
) -> list[Variant]:
    """Return the variants of a stage.

    Args:
        stage: Name of the stage.
        options: Its own options.
        upstream: The variants of each stage that it may link to, after reduce.
        taken: Variants by name that there are already.
    """
    variants: dict[str, Variant] = {}
    known = ChainMap(variants, taken or {})
    combinations: dict[tuple[str, ...], list[tuple[Variant, ...]]] = {}
    for option in options:
        linked = tuple(dict.fromkeys(k.stage for k in option.links if k.gather is None))
        if linked not in combinations:
            combinations[linked] = _combinations([upstream[name] for name in linked])
        for combination in combinations[linked]:
            variant = make_variant(stage, option, combination, known)
            variants.setdefault(variant.name, variant)
    return list(variants.values())


def make_variant(
    stage: str,
    option: Option,
    upstream: Sequence[Variant],
    taken: Mapping[str, Variant] = MappingProxyType({}),
) -> Variant:
    """Return a variant of a stage.

    Args:
        stage: Name of the stage.
        option: Its own option.
        upstream: The variants that it links to.
        taken: Variants by name; where another one has the same short name, it gets a longer one.
    """
    lineage = _lineage(upstream)
    inherited: dict[str, Any] = {}
    for each in upstream:
        own = {f"{each.stage}.{key}": value for key, value in each.option.choices.items()}
        inherited |= {**own, **each.inherited}
    direct = {each.stage: each.name for each in upstream}
    content = _content(option, direct)
    name = f"{stage}-{content[:_DIGITS]}"
    other = taken.get(name)
    if other is not None and _content(other.option, other.upstream) != content:
        name = f"{stage}-{content[: 2 * _DIGITS]}"
    return Variant(name, stage, option, lineage, direct, inherited)


def _content(option: Option, upstream: Mapping[str, str]) -> str:
    return digest([option.template.name, plain(dict(option.params)), dict(upstream)])


def _combinations(stages: Sequence[Sequence[Variant]]) -> list[tuple[Variant, ...]]:
    combinations: list[tuple[Variant, ...]] = [()]
    for variants in stages:
        index = LineageIndex(variants)
        combinations = [(*c, v) for c in combinations for v in index.agreeing(_lineage(c))]
    return combinations


def _lineage(combination: Sequence[Variant]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for variant in combination:
        merged |= {**variant.lineage, variant.stage: variant.name}
    return merged


class LineageIndex:
    """Finds the variants that agree with a lineage, without looking at each.

    Args:
        variants: Variants of one stage.
    """

    def __init__(self, variants: Iterable[Variant]) -> None:
        self._groups: dict[frozenset[str], list[tuple[int, Variant]]] = defaultdict(list)
        for place, variant in enumerate(variants):
            self._groups[frozenset({*variant.lineage, variant.stage})].append((place, variant))
        self._tables: dict[Any, dict[tuple[str, ...], list[tuple[int, Variant]]]] = {}

    def agreeing(self, lineage: Mapping[str, str]) -> list[Variant]:
        """Return those that agree with a lineage in every stage that both have, in order."""
        found: list[tuple[int, Variant]] = []
        for stages, group in self._groups.items():
            common = tuple(sorted(stages.intersection(lineage)))
            if (stages, common) not in self._tables:
                self._tables[stages, common] = _table(group, common)
            table = self._tables[stages, common]
            found += table.get(tuple(lineage[stage] for stage in common), [])
        if len(self._groups) > 1:
            found.sort(key=lambda each: each[0])
        return [variant for _, variant in found]


def _table(
    group: Iterable[tuple[int, Variant]], stages: tuple[str, ...]
) -> dict[tuple[str, ...], list[tuple[int, Variant]]]:
    table: dict[tuple[str, ...], list[tuple[int, Variant]]] = defaultdict(list)
    for place, variant in group:
        own = {**variant.lineage, variant.stage: variant.name}
        table[tuple(own[stage] for stage in stages)].append((place, variant))
    return table
