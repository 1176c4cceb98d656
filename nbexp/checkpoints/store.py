"""The snapshots of a variant: found, taken in, thinned out."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from nbexp.checkpoints.snapshots import DamagedError, Moment, Places, Snapshot, read

_NUMBER = re.compile(r"[0-9]{8}(?=-)")


class SnapshotStore:
    """The whole snapshots in one folder or two, in the notebook's order.

    To open it changes nothing.

    Args:
        folder: The folder ``snapshots`` that new ones are written to, which need not exist; None
            where none are.
        source: Another one, which is only read.

    Attributes:
        folder: As given.
        snapshots: The snapshots.
    """

    def __init__(self, folder: Path | None, source: Path | None = None) -> None:
        self.folder = folder
        self.snapshots: list[Snapshot] = []
        numbers = [0]
        for parent in dict.fromkeys((source, folder)):
            for child in sorted(parent.iterdir()) if parent and parent.is_dir() else ():
                if number := _NUMBER.match(child.name):  # what is damaged keeps its own
                    numbers.append(int(number[0]))
                with contextlib.suppress(DamagedError):
                    self.add(read(child))
        self._last = max(*numbers, *(each.number for each in self.snapshots), 0)

    def sweep(self) -> None:
        """Delete what a process left that was killed while it wrote."""
        if self.folder is not None and self.folder.is_dir():
            for left in self.folder.glob(".*"):
                shutil.rmtree(left, ignore_errors=True)

    def next_number(self) -> int:
        """Return the number of a snapshot that is about to be taken."""
        self._last += 1
        return self._last

    def add(self, snapshot: Snapshot) -> None:
        """Take in a snapshot that was written."""
        self.snapshots.append(snapshot)
        self.snapshots.sort(key=lambda each: (each.position, each.number))

    def remove(self, snapshot: Snapshot) -> None:
        """Forget a snapshot, and delete it if it lies in the store's own folder."""
        if snapshot in self.snapshots:
            self.snapshots.remove(snapshot)
        if self._is_own(snapshot):
            shutil.rmtree(snapshot.folder, ignore_errors=True)

    def _is_own(self, snapshot: Snapshot) -> bool:
        return snapshot.folder.parent == self.folder

    def within(self, around: Places, order: int) -> list[Snapshot]:
        """Return the snapshots taken in a loop or in loops inside of it, the newest first.

        Args:
            around: Where the loops around it stand.
            order: Which of the loops there it is.
        """
        depth = len(around)
        found = [
            each
            for each in self.snapshots
            if len(each.places) > depth
            and each.places[:depth] == around
            and each.places[depth].order == order
        ]
        starts = [each for each in found if each.moment is Moment.START]
        return (starts or found)[::-1]

    def at(self, places: Places) -> Snapshot | None:
        """Return the snapshot taken at the start of just this iteration, if there is one."""
        found = (e for e in self.snapshots if e.places == places and e.moment is Moment.START)
        return next(found, None)

    def thin(self, most_bytes: int) -> None:
        """Delete own snapshots until the others are small enough; those that a resume needs stay.

        Of two neighbours the one goes that leaves the smaller gap for its age, so that those left
        lie ever further apart the older they are.
        """
        needed = {each.number for each in _needed(self, ())}
        own = [each for each in self.snapshots if self._is_own(each)]
        spare = [each for each in own if each.number not in needed]
        total = sum(each.size for each in own)
        while total > most_bytes and spare:
            victim = min(spare, key=self._loss)
            spare.remove(victim)
            total -= victim.size
            self.remove(victim)

    def _loss(self, snapshot: Snapshot) -> float:
        numbers = sorted(each.number for each in self.snapshots)
        place = numbers.index(snapshot.number)
        before = numbers[place - 1] if place else 0
        after = numbers[min(place + 1, len(numbers) - 1)]
        return (after - before) / (self._last + 1 - snapshot.number)


def _needed(store: SnapshotStore, around: Places) -> Iterator[Snapshot]:
    """Yield the snapshots that a resume goes through, and one in reserve where it goes furthest."""
    depth = len(around)
    inside = [e for e in store.snapshots if len(e.places) > depth and e.places[:depth] == around]
    for order in sorted({each.places[depth].order for each in inside}):
        within = store.within(around, order)
        exact = [each for each in within if len(each.places) == depth + 1]
        yield from exact[:2]
        here = [each.places[depth] for each in within]
        # A loop that keeps nothing itself is gone through from its first iteration.
        through = {here[0]} if here[0].keeps else set(here)
        for place in through:
            base = store.at((*around, place))
            if base is not None:
                yield base
            yield from _needed(store, (*around, place))
