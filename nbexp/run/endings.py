"""Hands to the tracker how variants ended, once what can start in their places has started."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nbexp.run.tasks import Task
from nbexp.run.tracker import Tracker
from nbexp.runs.outcome import Outcome


class Endings:
    """What has ended, and the tracker has yet to be told.

    The tracker writes in the background, but takes time from whoever starts the next variant.

    Args:
        tracker: What remembers runs.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._waiting: deque[Callable[[], None]] = deque()

    def add(
        self, task: Task, outcome: Outcome, folder: Path, done: Callable[[], None] = lambda: None
    ) -> None:
        """Take in how an attempt ended.

        Args:
            task: The variant; what did not begin in the tracker does not end there.
            outcome: How it ended.
            folder: Where its files are.
            done: Called once the tracker has it, or can't have it.
        """
        if task.record is not None:
            finish = self._tracker.finish
            self._waiting.append(partial(finish, task.record, outcome, folder, done))

    def hand_over(self) -> None:
        """Tell the tracker of what has ended."""
        while self._waiting:
            self._waiting.popleft()()
