"""What pages tell of a run's variants besides what each of them came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbexp.display import Failed, alike
from nbexp.runs.results import RunResult, VariantResult


@dataclass(frozen=True)
class AlikeFailures:
    """Variants that failed alike.

    Attributes:
        first: The one that is told in full.
        same: Those that failed with the same error at the same place.
        others: Those that failed at the same place with others.
    """

    first: VariantResult
    same: tuple[VariantResult, ...]
    others: tuple[VariantResult, ...]


def failed_alike(run: RunResult) -> list[AlikeFailures]:
    """Return the variants of a run that failed, those together that failed alike."""
    known = {variant.name: variant for variant in run.failures}
    groups = alike(Failed.of(variant.history) for variant in run.failures)
    return [
        AlikeFailures(
            known[group.first.name],
            tuple(known[each.name] for each in group.same),
            tuple(known[each.name] for each in group.others),
        )
        for group in groups
    ]


def flat_content(variant: VariantResult) -> Mapping[str, Any]:
    """Return a variant's parameters by name, with hashes for artifacts and notebooks."""
    return _flat_like(variant.params, variant.content) if variant.record else {}


def _flat_like(params: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content by the names that `flat` gives parameters."""
    found: dict[str, Any] = {}
    for key, value in params.items():
        if isinstance(value, dict) and value and isinstance(content[key], dict):
            inner = _flat_like(value, content[key])
            found |= {f"{key}.{name}": each for name, each in inner.items()}
        else:
            found[key] = content[key]
    return found
