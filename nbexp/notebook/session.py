"""What a kernel knows of its loops: which are active, what is registered, what was asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nbexp.checkpoints.loops import ActiveLoop, Loops
from nbexp.decisions import Decision, DecisionKind
from nbexp.files import write_atomic
from nbexp.notebook.interrupts import Exploited, Interrupt, Paused, Stopped
from nbexp.runs.variant_folder import VariantFolder

if TYPE_CHECKING:
    from nbexp.checkpoints.checkpointer import Checkpointer

_TEXTS = {
    DecisionKind.STOP: "its scheduler stopped this variant early",
    DecisionKind.PAUSE: "this variant waits for others; it goes on from here later",
    DecisionKind.EXPLOIT: "this variant goes on from another one's snapshot",
}


@dataclass(kw_only=True)
class Session(Loops):
    """One life of a kernel in a run, or by hand.

    Attributes:
        folder: The variant's folder, or None by hand.
        process: Number of the process: one that was forked from it only logs.
        pause: Why it is to pause, where it is.
        snapshot: Whether the next iteration must have a snapshot.
        ends: Whether the outermost loop is to end.
        interrupt: What was raised into the notebook; it is raised again if it was caught.
        at_end: Called when the outermost loop ends.
        checkpointer: Takes the snapshots, once a loop needs some.
    """

    folder: Path | None
    process: int
    pause: str | None = None
    snapshot: bool = False
    ends: bool = False
    interrupt: Interrupt | None = None
    at_end: list[Callable[[], None]] = field(default_factory=list)
    checkpointer: Checkpointer | None = None

    @property
    def is_kept(self) -> bool:
        """Whether snapshots are taken at all: in a run, by the kernel itself."""
        return self.folder is not None and self.process == os.getpid()

    def goes_on(self, frame: ActiveLoop) -> bool:
        """Return whether a loop may have another iteration, between two of them."""
        self.trim(frame)
        self.check()
        return not (self.ends and self.frames[:1] == [frame])

    def tell_cut(self, frame: ActiveLoop, count: int, length: int | None) -> None:
        """Note that a scheduler ended a loop, unless that was at its end anyway.

        Args:
            frame: The loop.
            count: How many iterations it has had.
            length: How many it would have had; None where that isn't known.
        """
        if self.folder is not None and self.is_kept and count != length:
            of = "" if length is None else f" of {length}"
            text = f"its scheduler ended loop {frame.name!r} after {count}{of} iterations"
            write_atomic(VariantFolder(self.folder).cut, f"{text}\n")

    def leave(self, frame: ActiveLoop) -> None:
        """End a loop, in whichever way."""
        is_outermost = self.frames[:1] == [frame]
        super().leave(frame)
        if is_outermost:
            self.ends = False
            for call in self.at_end:
                call()

    def check(self) -> None:
        """Raise again what was raised before, where the notebook caught it and went on."""
        if self.interrupt is not None:
            raise self.interrupt

    def obey(self, decision: Decision) -> None:
        """Do what a scheduler decided, now or at the next iteration."""
        text = decision.reason or _TEXTS.get(decision.kind, "")
        self.snapshot |= decision.snapshot
        match decision.kind:
            case DecisionKind.STOP:
                self.throw(Stopped(text))
            case DecisionKind.EXPLOIT:
                self.throw(Exploited(text))
            case DecisionKind.END:
                self.ends = bool(self.frames)
            case DecisionKind.PAUSE:
                self.pause = text
                if not self.pauses_later:
                    self.throw(Paused(text))

    @property
    def pauses_later(self) -> bool:
        """Whether a loop is active that takes a snapshot before a pause."""
        return self.is_kept and any(frame.keeps for frame in self.frames)

    def asks_pause(self) -> str | None:
        """Return why the notebook is to pause, or None where nobody asked."""
        if (
            self.pause is None
            and self.folder is not None
            and VariantFolder(self.folder).pause.exists()
        ):
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
        _sessions[:] = [Session(folder=folder, process=os.getpid(), variant=variant)]
    return _sessions[0]


def reset() -> None:
    """Forget the session, as a new kernel would."""
    _sessions.clear()
