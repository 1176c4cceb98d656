"""The tables of a pipeline file, a module each: keys, types, defaults, meaning and reader."""

from nbexp.pipeline.tables._base import Context, Key, Table, Type
from nbexp.pipeline.tables.environment import ENVIRONMENT
from nbexp.pipeline.tables.pipeline import PIPELINE, json_schema
from nbexp.pipeline.tables.reduce import REDUCE
from nbexp.pipeline.tables.resources import RESOURCES
from nbexp.pipeline.tables.scheduler import SCHEDULER, SCHEDULERS
from nbexp.pipeline.tables.search import ALGORITHMS, SEARCH
from nbexp.pipeline.tables.stage import DEFAULTS, STAGE
from nbexp.pipeline.tables.tracking import TRACKING

TABLES = (
    PIPELINE, DEFAULTS, STAGE, REDUCE, SEARCH, SCHEDULER, RESOURCES, TRACKING, ENVIRONMENT,
)  # fmt: skip

__all__ = [
    "ALGORITHMS",
    "DEFAULTS",
    "PIPELINE",
    "SCHEDULERS",
    "STAGE",
    "TABLES",
    "Context",
    "Key",
    "Table",
    "Type",
    "json_schema",
]
