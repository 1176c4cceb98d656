"""Where a notebook stands in its loops, and what is registered there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nbexp.checkpoints.snapshots import LoopPlace, Places


@dataclass(eq=False)
class ActiveLoop:
    """One active loop.

    Attributes:
        name: Its name.
        order: How many loops came before it in the same iteration of the loop around it.
        keeps: Whether it takes snapshots.
        index: Index of its iteration.
        entry: States of the generators when it began, where its iterable may draw from them.
        inner: How many loops its present iteration has entered.
    """

    name: str
    order: int
    keeps: bool
    index: int = 0
    entry: Any = None
    inner: int = 0

    @property
    def place(self) -> LoopPlace:
        """Where the loop stands."""
        return LoopPlace(self.name, self.order, self.index, self.keeps)


@dataclass(kw_only=True)
class Loops:
    """The loops of one life of a kernel.

    Attributes:
        variant: Name of the variant.
        frames: The active loops, the outermost first.
        entered: How many loops were entered outside of any other.
        settings: By name, the numbers that registered objects were made with.
        registered: By depth, what was registered there by name, and the object it is in.
        step: The highest step that was logged, or -1.
    """

    variant: str = ""
    frames: list[ActiveLoop] = field(default_factory=list)
    entered: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    registered: list[dict[str, object]] = field(default_factory=lambda: [{}])
    step: int = -1

    @property
    def places(self) -> Places:
        """Where the active loops stand."""
        return tuple(frame.place for frame in self.frames)

    def objects(self, depth: int) -> dict[str, object]:
        """Return what is registered down to a depth, inner names before outer ones."""
        tables = self.registered[: depth + 1]
        return {name: state for table in tables for name, state in table.items()}

    def register(self, state: object, names: list[str]) -> None:
        """Register the attributes of a state object where the notebook stands now."""
        self.registered[len(self.frames)].update(dict.fromkeys(names, state))

    def enter(self, name: str) -> ActiveLoop:
        """Begin a loop."""
        around = self.frames[-1] if self.frames else None
        order = around.inner if around else self.entered
        if around:
            around.inner += 1
        else:
            self.entered += 1
        frame = ActiveLoop(name, order, keeps=bool(self.registered[len(self.frames)]))
        self.frames.append(frame)
        self.registered.append({})
        return frame

    def trim(self, frame: ActiveLoop) -> None:
        """Forget the loops that were left inside of a loop, and what they registered."""
        if frame in self.frames:
            depth = self.frames.index(frame)
            del self.frames[depth + 1 :], self.registered[depth + 1 :]
            self.registered.append({})
        frame.inner = 0

    def leave(self, frame: ActiveLoop) -> None:
        """End a loop, in whichever way."""
        if frame not in self.frames:
            return
        depth = self.frames.index(frame)
        del self.frames[depth:], self.registered[depth + 1 :]
