"""Runs of a pipeline: the loop, its workers on Ray, and the folder that each run leaves."""

from nbexp.run.cluster import Cluster, local_node
from nbexp.run.control import Reply, Request, await_reply, request_stop, send
from nbexp.run.discovery import cluster_address
from nbexp.run.events import Event, EventKind, EventLog, Events, Listener
from nbexp.run.folder import RUNS, RunFolder, read_outcome
from nbexp.run.history import (
    RunHistory,
    VariantHistory,
    find_run,
    find_variant,
    fold,
    list_runs,
    read_history,
    variants_of,
)
from nbexp.run.index import RunIndex
from nbexp.run.overlaps import expected_overlap
from nbexp.run.pool import Pool
from nbexp.run.recover import complete_runs, hand_over_runs
from nbexp.run.reuse import PastResults
from nbexp.run.runner import Runner
from nbexp.run.searches import read_search, search_name
from nbexp.run.starting import Parts
from nbexp.run.status import StatusFile
from nbexp.run.tracker import Tracker, VariantRecord
from nbexp.run.warmup import Warmup

__all__ = [
    "RUNS",
    "Cluster",
    "Event",
    "EventKind",
    "EventLog",
    "Events",
    "Listener",
    "Parts",
    "PastResults",
    "Pool",
    "Reply",
    "Request",
    "RunFolder",
    "RunHistory",
    "RunIndex",
    "Runner",
    "StatusFile",
    "Tracker",
    "VariantHistory",
    "VariantRecord",
    "Warmup",
    "await_reply",
    "cluster_address",
    "complete_runs",
    "expected_overlap",
    "find_run",
    "find_variant",
    "fold",
    "hand_over_runs",
    "list_runs",
    "local_node",
    "read_history",
    "read_outcome",
    "read_search",
    "request_stop",
    "search_name",
    "send",
    "variants_of",
]
