"""Variants that have to be executed, and the order in which they are."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbexp.decisions import Decision
from nbexp.metrics import Tail
from nbexp.pipeline import Resources
from nbexp.plan import Identified, Node
from nbexp.runs.outcome import Outcome
from nbexp.runs.record import VariantRecord


@dataclass(eq=False)
class Task:
    """A variant that has to be executed, through all its attempts.

    Attributes:
        identified: The variant with its parameters and identity.
        shape: The resources it needs.
        attempt: Number of the attempt, from 1.
        failures: How many attempts failed.
        losses: How many attempts lost their worker.
        record: What is written of it, once it has started.
        is_claimed: Whether this run holds the lock on its identity.
        paused: How its last execution ended, if it has paused and is to go on.
        ran_s: Seconds that its executions took before it paused.
        delays: How often it has waited for its donor's snapshot.
        exploit: The donor that it is to go on from, and how, once it runs again.
        tail: Reads what it logs.
        cell: The cell of it that was last told to run.
        variables: What its kernel needs to log into the tracker.
        changed: What its newest result was seen to use that is no longer the same.
    """

    identified: Identified
    shape: Resources
    attempt: int = 1
    failures: int = 0
    losses: int = 0
    record: VariantRecord | None = None
    is_claimed: bool = False
    paused: Outcome | None = None
    ran_s: float = 0.0
    delays: int = 0
    exploit: Decision | None = None
    tail: Tail | None = None
    cell: Mapping[str, Any] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    changed: tuple[str, ...] = ()

    @property
    def node(self) -> Node:
        """Its place in the graph."""
        return self.identified.node

    @property
    def name(self) -> str:
        """Name of the variant."""
        return self.identified.node.variant.name

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.identified.node.variant.stage

    @property
    def key(self) -> str:
        """Identity of the variant."""
        return self.identified.key


class TaskQueue:
    """Tasks that wait for a worker of their shape, first come, first served."""

    def __init__(self) -> None:
        self._waiting: dict[Resources, deque[tuple[int, Task]]] = {}
        self._blocked: deque[tuple[float, Task]] = deque()
        self._last = 0
        self._first = 0

    def __len__(self) -> int:
        return len(self._blocked) + sum(map(len, self._waiting.values()))

    def push(self, task: Task) -> None:
        """Add a task at the end."""
        self._last += 1
        self._waiting.setdefault(task.shape, deque()).append((self._last, task))

    def push_front(self, task: Task) -> None:
        """Add a task at the front."""
        self._first -= 1
        self._waiting.setdefault(task.shape, deque()).appendleft((self._first, task))

    def block(self, task: Task, seconds: float) -> None:
        """Keep a task back for some time."""
        self._blocked.append((time.monotonic() + seconds, task))

    def counts(self) -> dict[Resources, int]:
        """Return how many tasks wait for each shape, the shape that waits longest first."""
        while self._blocked and self._blocked[0][0] <= time.monotonic():
            self.push(self._blocked.popleft()[1])
        lines = sorted(
            (line for line in self._waiting.items() if line[1]), key=lambda i: i[1][0][0]
        )
        return {shape: len(line) for shape, line in lines}

    def pop(self, shape: Resources) -> Task | None:
        """Take the oldest task of a shape."""
        line = self._waiting.get(shape)
        return line.popleft()[1] if line else None

    def find(self, name: str) -> Task | None:
        """Return the task of a variant in the line."""
        waiting = [task for line in self._waiting.values() for _, task in line]
        tasks = [*waiting, *(task for _, task in self._blocked)]
        return next((task for task in tasks if task.name == name), None)

    def remove(self, name: str) -> Task | None:
        """Take the task of a variant out of the line."""
        lines: list[deque[tuple[int, Task]] | deque[tuple[float, Task]]]
        lines = [*self._waiting.values(), self._blocked]
        for line in lines:
            for entry in line:
                if entry[1].name == name:
                    line.remove(entry)  # type: ignore[arg-type]
                    return entry[1]
        return None

    def take_all(self) -> list[Task]:
        """Take all tasks out of the line."""
        tasks = [task for line in self._waiting.values() for _, task in line]
        tasks += [task for _, task in self._blocked]
        self._waiting.clear()
        self._blocked.clear()
        return tasks
