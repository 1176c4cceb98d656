"""What searches and schedulers promise, whichever library they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from nbexp.decisions import Decision


class Searcher(Protocol):
    """One search over one space.

    The same seed and the same calls in the same order give the same suggestions.
    """

    def suggest(self, number: int) -> Mapping[str, Any] | None:
        """Return a value for each distribution by its key, or None if there are no more."""

    def restored(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return values that were suggested, and written down, as they were suggested."""

    def report(self, number: int, step: int, value: float) -> None:
        """Tell what a suggestion reached so far."""

    def complete(self, number: int, value: float | None) -> None:
        """Tell what a suggestion reached in the end; None if it failed."""

    def add(self, values: Mapping[str, Any], value: float) -> bool:
        """Tell a result from elsewhere, before the first suggestion.

        Returns:
            Whether the algorithm can make use of it.
        """


class Scheduler(Protocol):
    """One scheduler over variants that compete.

    The same seed and the same calls in the same order give the same decisions. A call about a
    variant that has ended changes nothing.
    """

    def add(self, name: str, values: Mapping[str, Any]) -> None:
        """Make a variant known, with the values chosen for its distributions, by key."""

    def start(self, name: str) -> None:
        """Tell that a variant runs now, for the first time or again."""

    def report(self, name: str, step: int, value: float, time: float) -> Decision:
        """Decide of a running variant that reported; `time` is the seconds that it ran so far.

        A step that it reported before, such as after a resume, decides nothing.
        """

    def recall(
        self,
        name: str,
        points: Sequence[tuple[int, float]],
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell the steps and values that a variant reported in an earlier execution.

        Args:
            name: The variant.
            points: Each step with the value of the metric.
            values: The variant's values by key, all of them, where an exploit changed some.
        """

    def complete(self, name: str, value: float | None) -> None:
        """Tell that a variant finished, with the value of its metric if it has one."""

    def remove(self, name: str) -> None:
        """Tell that a variant ended in another way: failed, stopped or skipped."""

    def paused(self, name: str) -> None:
        """Tell that a variant has given up its slot, and that its snapshot is on disk."""

    def take_orders(self) -> list[tuple[str, Decision]]:
        """Return what was decided meanwhile of other variants than those that reported.

        `STOP` is for one that waits, or that is about to pause; `EXPLOIT` for one that waits.
        Calls of `report`, `complete`, `remove` and `choose` may leave orders.
        """

    def choose(self, waiting: Sequence[str]) -> str | None:
        """Return which of the pending and paused variants to start next; None for none now.

        Where nothing runs, there are orders to take if it is None.
        """
