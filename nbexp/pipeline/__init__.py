"""From ``pipeline.toml`` to a frozen pipeline, wholly checked before anything runs."""

from nbexp.pipeline.check import untagged
from nbexp.pipeline.links import Gather, Link
from nbexp.pipeline.read import build_pipeline, read_pipeline
from nbexp.pipeline.spaces import Distribution, Grid
from nbexp.pipeline.spec import (
    TEMPLATE,
    VARIANT,
    Environment,
    Mode,
    Pipeline,
    Resources,
    SchedulerSpec,
    Score,
    SearchSpec,
    Stage,
    Tracking,
)
from nbexp.pipeline.values import Secret
from nbexp.source.templates import Template

__all__ = [
    "TEMPLATE",
    "VARIANT",
    "Distribution",
    "Environment",
    "Gather",
    "Grid",
    "Link",
    "Mode",
    "Pipeline",
    "Resources",
    "SchedulerSpec",
    "Score",
    "SearchSpec",
    "Secret",
    "Stage",
    "Template",
    "Tracking",
    "build_pipeline",
    "read_pipeline",
    "untagged",
]
