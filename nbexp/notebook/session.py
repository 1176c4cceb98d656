"""What a kernel knows of its loops: which are active, what is registered, what was asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbexp.files import write_atomic
from nbexp.notebook.channel import Decision, Verdict
from nbexp.notebook.interrupts import Exploited, Interrupt, Paused, Stopped
from nbexp.notebook.snapshots import Place, Places

if TYPE_CHECKING:
    from nbexp.notebook.checkpointing import State
    from nbexp.notebook.keeper import Keeper

CUT = "cut.txt"  # says in a variant's folder that a loop was ended before its own end
_PAUSE = "pause"
_TEXTS = {
    Verdict.STOP: "its scheduler stopped this variant early",
    Verdict.PAUSE: "this variant waits for others; it goes on from here later",
    Verdict.EXPLOIT: "this variant goes on from another one's snapshot",
}


@dataclass(eq=False)
class Frame:
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
    def place(self) -> Place:
        """Where the loop stands."""
        return Place(self.name, self.order, self.index, self.keeps)


@dataclass
class Session:
    """One life of a kernel in a run, or by hand.

    Attributes:
        folder: The variant's folder, or None by hand.
        process: Number of the process: one that was forked from it only logs.
        variant: Name of the variant.
        frames: The active loops, the outermost first.
        loops: How many loops were entered outside of any other.
        settings: By name, the numbers that registered objects were made with.
        registered: By depth, what was registered there by name, and the state object it is in.
        pause: Why it is to pause, where it is.
        snapshot: Whether the next iteration must have a snapshot.
        ends: Whether the outermost loop is to end.
        step: The highest step that was logged, or -1.
        interrupt: What was raised into the notebook; it is raised again if it was caught.
        at_end: Called when the outermost loop ends.
        keeper: Takes the snapshots, once a loop needs some.
    """

    folder: Path | None
    process: int
    variant: str = ""
    frames: list[Frame] = field(default_factory=list)
    loops: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    registered: list[dict[str, State]] = field(default_factory=lambda: [{}])
    pause: str | None = None
    snapshot: bool = False
    ends: bool = False
    step: int = -1
    interrupt: Interrupt | None = None
    at_end: list[Callable[[], None]] = field(default_factory=list)
    keeper: Keeper | None = None

    @property
    def is_kept(self) -> bool:
        """Whether snapshots are taken at all: in a run, by the kernel itself."""
        return self.folder is not None and self.process == os.getpid()

    @property
    def places(self) -> Places:
        """Where the active loops stand."""
        return tuple(frame.place for frame in self.frames)

    def objects(self, depth: int) -> dict[str, State]:
        """Return what is registered down to a depth, inner names before outer ones."""
        tables = self.registered[: depth + 1]
        return {name: state for table in tables for name, state in table.items()}

    def register(self, state: State, names: list[str]) -> None:
        """Register the attributes of a state object where the notebook stands now."""
        self.registered[len(self.frames)].update(dict.fromkeys(names, state))

    def enter(self, name: str) -> Frame:
        """Begin a loop."""
        around = self.frames[-1] if self.frames else None
        order = around.inner if around else self.loops
        if around:
            around.inner += 1
        else:
            self.loops += 1
        frame = Frame(name, order, keeps=bool(self.registered[len(self.frames)]))
        self.frames.append(frame)
        self.registered.append({})
        return frame

    def goes_on(self, frame: Frame) -> bool:
        """Return whether a loop may have another iteration, between two of them."""
        self.trim(frame)
        self.check()
        return not (self.ends and self.frames[:1] == [frame])

    def tell_cut(self, frame: Frame, count: int, length: int | None) -> None:
        """Note that a scheduler ended a loop, unless that was at its end anyway.

        Args:
            frame: The loop.
            count: How many iterations it has had.
            length: How many it would have had; None where that isn't known.
        """
        if self.folder is not None and self.is_kept and count != length:
            of = "" if length is None else f" of {length}"
            text = f"its scheduler ended loop {frame.name!r} after {count}{of} iterations"
            write_atomic(self.folder / CUT, f"{text}\n")

    def trim(self, frame: Frame) -> None:
        """Forget the loops that were left inside of a loop, and what they registered."""
        if frame in self.frames:
            depth = self.frames.index(frame)
            del self.frames[depth + 1 :], self.registered[depth + 1 :]
            self.registered.append({})
        frame.inner = 0

    def leave(self, frame: Frame) -> None:
        """End a loop, in whichever way."""
        if frame not in self.frames:
            return
        depth = self.frames.index(frame)
        del self.frames[depth:], self.registered[depth + 1 :]
        if depth == 0:
            self.ends = False
            for call in self.at_end:
                call()

    def check(self) -> None:
        """Raise again what was raised before, where the notebook caught it and went on."""
        if self.interrupt is not None:
            raise self.interrupt

    def obey(self, decision: Decision) -> None:
        """Do what a scheduler decided, now or at the next iteration."""
        text = decision.text or _TEXTS.get(decision.verdict, "")
        self.snapshot |= decision.snapshot
        match decision.verdict:
            case Verdict.STOP:
                self.throw(Stopped(text))
            case Verdict.EXPLOIT:
                self.throw(Exploited(text))
            case Verdict.END:
                self.ends = bool(self.frames)
            case Verdict.PAUSE:
                self.pause = text
                if not self.pauses_later:
                    self.throw(Paused(text))

    @property
    def pauses_later(self) -> bool:
        """Whether a loop is active that takes a snapshot before a pause."""
        return self.is_kept and any(frame.keeps for frame in self.frames)

    def asks_pause(self) -> str | None:
        """Return why the notebook is to pause, or None where nobody asked."""
        if self.pause is None and self.folder is not None and (self.folder / _PAUSE).exists():
            self.pause = "it was asked to pause; it goes on from here later"
        return self.pause

    def throw(self, interrupt: Interrupt) -> None:
        """Raise an interrupt into the notebook."""
        self.interrupt = interrupt
        raise interrupt


_sessions: list[Session] = []


def current() -> Session:
    """Return the session of this kernel; a new one where its folder changed."""
    name = os.environ.get("NBEXP_FOLDER")
    folder = Path(name) if name else None
    if not _sessions or _sessions[0].folder != folder:
        variant = os.environ.get("NBEXP_VARIANT", "")
        _sessions[:] = [Session(folder, os.getpid(), variant)]
    return _sessions[0]


def reset() -> None:
    """Forget the session, as a new kernel would."""
    _sessions.clear()
