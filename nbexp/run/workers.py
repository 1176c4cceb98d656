"""What executes notebooks for a run, behind one contract: Ray's workers, or this process itself.

A run asks for workers of the shapes that wait (`Workers.scale`), gives jobs to those that are idle
(`Workers.idle`, `Workers.run`), and takes in what happens (`Workers.wait`): executions that have
ended, and reports of metrics, each of which it answers (`Workers.answer`).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbexp.decisions import Decision
from nbexp.execute.job import Job, MetricReport
from nbexp.pipeline import Resources
from nbexp.runs.outcome import Outcome


@dataclass(eq=False)
class Slot:
    """One worker.

    Attributes:
        shape: The resources it holds.
        actor: Ray's handle; None where it is none of Ray's.
        started: Monotonic time when it was asked for.
        is_up: Whether it answers.
        task: Name of the variant that it executes, or None.
    """

    shape: Resources
    actor: Any = None
    started: float = field(default_factory=time.monotonic)
    is_up: bool = False
    task: str | None = None


@dataclass(frozen=True)
class Done:
    """An execution that came to an end.

    Attributes:
        task: Name of the variant.
        outcome: How it ended; None where its worker was lost.
        reason: What became of the worker, where it was lost.
    """

    task: str
    outcome: Outcome | None
    reason: str = ""


class Workers(ABC):
    """The workers of a run.

    Attributes:
        are_elsewhere: Whether they may be on other machines, whose resources are known once they
            have started.
        are_processes: Whether each notebook has a kernel that is a process of its own, which may
            be forked from a warm one.
    """

    are_elsewhere = False
    are_processes = True

    def load(self) -> None:  # noqa: B027 - most import nothing
        """Import what `start` needs, which does so otherwise."""

    @abstractmethod
    def start(self) -> None:
        """Start what the workers need, if that has not been done.

        Raises:
            RunError: It can't be used.
        """

    @abstractmethod
    def nodes(self) -> Sequence[Mapping[str, float]]:
        """Return the resources of each machine, by Ray's names, once they have started."""

    @abstractmethod
    def idle(self) -> list[Slot]:
        """Return the workers that have nothing to do."""

    @abstractmethod
    def capacity(self, shape: Resources, /) -> int:
        """Return how many workers of a shape there could be, were it alone."""

    @abstractmethod
    def room(self, shape: Resources, /) -> int:
        """Return how many notebooks more of a shape could run now, were it alone."""

    @abstractmethod
    def scale(self, waiting: Mapping[Resources, int]) -> None:
        """Have workers for what waits.

        Args:
            waiting: How many notebooks wait for each shape, the shape that waits longest first.
        """

    @abstractmethod
    def run(self, slot: Slot, job: Job) -> None:
        """Have an idle worker execute a notebook."""

    @abstractmethod
    def wait(self, timeout_s: float) -> Sequence[Done | MetricReport]:
        """Return what has happened, or nothing once a time has passed.

        These are the executions that have ended, or were lost, and the reports of metrics, which
        are to be answered, before the end of their notebooks.

        Raises:
            RunError: The workers can't be used any more.
        """

    @abstractmethod
    def answer(self, task: str, answer: Decision, /) -> None:
        """Answer the last report of a running notebook, which waits for that."""

    @abstractmethod
    def stop(self, task: str, /) -> None:
        """End an execution; it comes back from `wait`, as stopped.

        One that has only just begun may not hear it: ask again until it has ended.
        """

    @abstractmethod
    def kill(self) -> None:
        """End all workers at once."""

    @abstractmethod
    def close(self) -> None:
        """End all workers, and let go of what they needed."""

    def identity(self, key: str) -> str:
        """Return the identity that results of these workers have, for that of a variant.

        It is another one where results may be used in their own run and never again.
        """
        return key

    def remarks(self, _limited: Sequence[str], /) -> Sequence[str]:
        """Return what is to be told of these workers once, when a run begins.

        Args:
            _limited: Names of the stages with a time limit.
        """
        return ()
