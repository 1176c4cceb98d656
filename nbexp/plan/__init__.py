"""Variants, their lineage and identity: what there is to run, and what has been run before."""

from nbexp.plan.durations import NO_TIME, Durations, Ranges, Seconds, Took, code_of, expected
from nbexp.plan.graph import Graph, score_of, stages_needed
from nbexp.plan.keys import CODE_CHANGED, differences, identity, key_of, pruned_key
from nbexp.plan.nodes import Addition, Node, OpenSearch
from nbexp.plan.plan import (
    Identified,
    Plan,
    PlannedStage,
    PlannedVariant,
    identify,
    make_plan,
    refresh,
)
from nbexp.plan.reduce import best, metric_value
from nbexp.plan.resolve import Resolved, Result
from nbexp.plan.variants import Variant

__all__ = [
    "CODE_CHANGED",
    "NO_TIME",
    "Addition",
    "Durations",
    "Graph",
    "Identified",
    "Node",
    "OpenSearch",
    "Plan",
    "PlannedStage",
    "PlannedVariant",
    "Ranges",
    "Resolved",
    "Result",
    "Seconds",
    "Took",
    "Variant",
    "best",
    "code_of",
    "differences",
    "expected",
    "identify",
    "identity",
    "key_of",
    "make_plan",
    "metric_value",
    "pruned_key",
    "refresh",
    "score_of",
    "stages_needed",
]
