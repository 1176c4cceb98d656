"""Runs of a pipeline: the loop, its workers, and the folder that each run leaves."""

from nbexp.run.cluster import Cluster, local_node
from nbexp.run.discovery import ClusterSettings, cluster_address
from nbexp.run.index import RunIndex
from nbexp.run.inline import InlineWorkers
from nbexp.run.overlaps import expected_overlap
from nbexp.run.pool import Pool
from nbexp.run.recover import complete_runs, hand_over_runs
from nbexp.run.reuse import PastResults
from nbexp.run.runner import Runner
from nbexp.run.searches import read_search, search_name
from nbexp.run.starting import Parts
from nbexp.run.status import StatusFile
from nbexp.run.tracker import Tracker
from nbexp.run.warmup import Warmup
from nbexp.run.workers import Workers
from nbexp.run.writer import RunWriter

__all__ = [
    "Cluster",
    "ClusterSettings",
    "InlineWorkers",
    "Parts",
    "PastResults",
    "Pool",
    "RunIndex",
    "RunWriter",
    "Runner",
    "StatusFile",
    "Tracker",
    "Warmup",
    "Workers",
    "cluster_address",
    "complete_runs",
    "expected_overlap",
    "hand_over_runs",
    "local_node",
    "read_search",
    "search_name",
]
