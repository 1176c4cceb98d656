"""Ray Tune's search algorithms and schedulers, without Tune's trial runner.

A run tells what happens, and asks what to do: which values a variant gets, whether one that
reported goes on, and which one starts next. Nothing here starts, stops or writes anything.
"""

from nbexp.search._base import Scheduler, Searcher
from nbexp.search._check import check_search
from nbexp.search._schedulers import make_scheduler
from nbexp.search._searcher import make_searcher

__all__ = [
    "Scheduler",
    "Searcher",
    "check_search",
    "make_scheduler",
    "make_searcher",
]
