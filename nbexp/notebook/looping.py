"""The loop that resumes."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nbexp.checkpoints.snapshots import Moment
from nbexp.notebook import session as sessions
from nbexp.notebook.interrupts import Paused
from nbexp.runs.variant_folder import VariantFolder

if TYPE_CHECKING:
    from nbexp.checkpoints.checkpointer import Checkpointer, Copied, Resume
    from nbexp.checkpoints.loops import ActiveLoop
    from nbexp.notebook.session import Session

Item = TypeVar("Item")

_KEEP_BYTES = 2**30
_DRAW_NOTHING = (range, list, tuple, str, bytes)
# What Python runs to drop a loop's iterator on `break` and `return`. On an exception it drops it
# too, but at whatever instruction raised it.
_LEAVES_LOOP = ("POP_TOP", "POP_ITER")


def loop(name: str, iterable: Iterable[Item] | int, *, keep_bytes: int = _KEEP_BYTES) -> Loop[Item]:
    """Iterate, with snapshots of what `nbexp.checkpoint` registered before.

    In a run, a loop before which something was registered takes snapshots at the start of
    iterations and after the last one, in the background, as often as a small share of its time
    allows. A variant that died or was paused goes on from the newest one when it runs again: the
    notebook runs from its first cell, the loop skips to where it was, and the states of all that
    is registered, and of Python's, numpy's and torch's generators, are set back.

    Loops nest: what is registered in a loop's body belongs to the loops inside of that body. By
    hand, and where nothing is registered, it just iterates.

    Args:
        name: Name of the loop, such as ``"epoch"``; `nbexp.log` takes the index of the outermost
            loop as its step.
        iterable: What to go through, such as a range, a list, a DataLoader or a generator; or how
            many times.
        keep_bytes: How much the variant's snapshots may take on disk; older ones are thinned out.

    Raises:
        CheckpointError: A snapshot does not fit, or an object can't be kept.

    Example:
        >>> import nbexp
        >>> total = 0
        >>> for number in nbexp.loop("number", range(1, 5)):
        ...     total += number
        >>> total
        10
    """
    return Loop(name, range(iterable) if isinstance(iterable, int) else iterable, keep_bytes)  # type: ignore[arg-type]


class Loop(Generic[Item]):
    """What `loop` returns: goes through its iterable, and has a length where that has one."""

    def __init__(self, name: str, iterable: Iterable[Item], keep_bytes: int) -> None:
        self._name = name
        self._iterable = iterable
        self._keep_bytes = keep_bytes

    def __len__(self) -> int:
        return len(self._iterable)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Item]:
        session = sessions.current()
        frame = session.enter(self._name)
        passage = _Passage(session, frame, self._keep_bytes)
        try:
            items = passage.items(self._iterable)
            while passage.prepare():
                try:
                    item = next(items)
                except StopIteration:
                    break
                passage.begin()
                yield item
            passage.end()
        except GeneratorExit:
            if _was_left_by_break(sys._getframe(1)):
                passage.end()
            raise
        finally:
            session.leave(frame)


class _Passage:
    """One way through a loop."""

    def __init__(self, session: Session, frame: ActiveLoop, keep_bytes: int) -> None:
        self._session = session
        self._frame = frame
        self._keep_bytes = keep_bytes
        self._checkpointer = _checkpointer_of(session, frame)
        self._resume: Resume | None = None
        self._copied: Copied | None = None
        self._pause: str | None = None
        self._next = 0  # index of the next iteration
        self._length: int | None = None

    def items(self, iterable: Iterable[Any]) -> Iterator[Any]:
        """Return an iterator over what is left to do."""
        self._length = _length_of(iterable)
        if self._checkpointer is None:
            return iter(iterable)
        self._resume = self._checkpointer.resume(self._frame)
        if self._resume is not None:
            self._next = self._resume.index
            self._checkpointer.set_entry(self._frame, self._resume)
        elif not isinstance(iterable, _DRAW_NOTHING):
            self._frame.entry = self._checkpointer.entry()
        items = iter(iterable)
        for _ in islice(items, self._next):
            pass
        return items

    def prepare(self) -> bool:
        """Set back and copy, as is due, before the next item is made; return whether it may be.

        The item may draw from the generators, and so it must be made after the copy, although
        only then it is known whether there is another one.
        """
        if not self._session.goes_on(self._frame):
            self._session.tell_cut(self._frame, self._next, self._length)
            return False
        self._frame.index = self._next
        self._set_back()
        self._pause = self._session.asks_pause() if self._pauses_here else None
        is_forced = self._pause is not None or self._session.snapshot
        if is_forced or self._frame.index:
            self._copied = self._copy(is_forced)
        return True

    def begin(self) -> None:
        """Begin an iteration: write what was copied, and pause where that was asked for."""
        self._next += 1
        self._save(Moment.START)
        if self._pause is not None:
            if self._checkpointer is not None:
                self._checkpointer.flush()
            self._session.throw(Paused(self._pause))

    def end(self) -> None:
        """Take the snapshot after the last iteration."""
        self._session.trim(self._frame)
        self._frame.index = self._next
        self._set_back()
        if self._copied is None:
            self._copied = self._copy(self._session.snapshot)
        self._save(Moment.DONE)

    @property
    def _pauses_here(self) -> bool:
        return self._frame.keeps or not self._session.pauses_later

    def _set_back(self) -> None:
        if self._checkpointer is not None and self._resume is not None:
            self._checkpointer.restore(self._frame, self._resume)
            self._resume = None

    def _copy(self, is_forced: bool) -> Copied | None:
        if self._checkpointer is None or self._frame not in self._session.frames:
            return None
        self._session.snapshot = False
        return self._checkpointer.copy(self._frame, is_forced=is_forced)

    def _save(self, moment: Moment) -> None:
        if self._checkpointer is not None and self._copied is not None:
            self._checkpointer.save(self._copied, moment, self._keep_bytes)
        self._copied = None


def _length_of(iterable: Iterable[Any]) -> int | None:
    try:
        return len(iterable)  # type: ignore[arg-type]
    except Exception:  # an iterable's own way of saying that it doesn't know
        return None


def _checkpointer_of(session: Session, frame: ActiveLoop) -> Checkpointer | None:
    """Return what takes a loop's snapshots, or None where it takes none."""
    if session.folder is None or not session.is_kept:
        return None
    if session.checkpointer is not None and session.frames == [frame]:
        session.checkpointer.begin()
    if not frame.keeps:
        return None
    if session.checkpointer is None:
        from nbexp.checkpoints.checkpointer import Checkpointer

        session.checkpointer = Checkpointer(session, VariantFolder(session.folder).snapshots)
    return session.checkpointer


def _was_left_by_break(caller: FrameType) -> bool:
    """Return whether the loop around this generator was left by `break` or `return`."""
    code = caller.f_code.co_code
    is_known = 0 <= caller.f_lasti < len(code)
    return is_known and dis.opname[code[caller.f_lasti]] in _LEAVES_LOOP
