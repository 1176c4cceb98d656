"""Takes snapshots of what is registered, and sets it back to them."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nbexp.checkpoints import capture, generators, snapshots
from nbexp.checkpoints.capture import Captured, CaptureKind
from nbexp.checkpoints.copying import Copier, revive, size_of
from nbexp.checkpoints.loops import ActiveLoop, Loops
from nbexp.checkpoints.snapshots import DamagedError, Moment, Places, Snapshot
from nbexp.checkpoints.store import SnapshotStore
from nbexp.checkpoints.writer import Budget, Writer
from nbexp.errors import CheckpointError

# They bring tensors to their own device themselves.
_IN_PLACE = (CaptureKind.MODULE, CaptureKind.OPTIMIZER)


@dataclass(frozen=True)
class Resume:
    """Where a loop goes on.

    Attributes:
        index: The iteration.
        snapshot: The one to set back to.
        content: What it holds.
        is_partial: Whether it was taken in a loop further inside, so that some of what it holds
            is not registered yet.
    """

    index: int
    snapshot: Snapshot
    content: Any
    is_partial: bool


@dataclass(frozen=True)
class Copied:
    """A snapshot in memory.

    Attributes:
        places: Where the loops stood.
        content: What it holds.
        took_s: Seconds for which the loop stood still.
    """

    places: Places
    content: dict[str, Any]
    took_s: float


class Checkpointer:
    """The snapshots of one life of a kernel; made by its first loop that takes some.

    Args:
        loops: Where the notebook stands.
        folder: The folder that snapshots are written to; those that are there are gone on from.
        source: Another folder whose snapshots are gone on from, and which nothing is written to.
    """

    def __init__(self, loops: Loops, folder: Path, source: Path | None = None) -> None:
        self._loops = loops
        self._folder = folder
        self._store = SnapshotStore(folder, source)
        self._store.sweep()
        # Up to here an earlier life of the kernel came.
        known = self._store.snapshots
        self._past = known[-1].position if known else ()
        self._newest = self._past
        self._writer = Writer()
        self._copier = Copier()
        self._size = 0  # of the last snapshot, or the next
        self._depth = 0  # of the loop of the last one, from 1
        self._error: CheckpointError | None = None
        self.budget = Budget()

    def begin(self) -> None:
        """Begin the account of an outermost loop; what the last one needed is given back."""
        self.budget = Budget()
        self._copier = Copier()

    def flush(self) -> None:
        """Wait until all snapshots are on disk."""
        self._writer.flush()

    def entry(self) -> Any:
        """Return the states from which an iterable may draw while it is iterated over."""
        kept = self._kept(len(self._loops.frames) - 1)
        small = {name: each for name, each in kept.items() if each.kind.is_small}
        states = Copier().copy({name: each.state for name, each in small.items()})
        records = {name: {"kind": small[name].kind.value, "state": states[name]} for name in small}
        return {"objects": records, "generators": generators.capture()}

    def copy(self, frame: ActiveLoop, *, is_forced: bool) -> Copied | None:
        """Copy all that is registered, if that is forced or the budget has room for a snapshot.

        Returns:
            What `save` takes; None where there is to be no snapshot, or there is one of an earlier
            life.

        Raises:
            CheckpointError: An object can't be kept any more.
        """
        if self._error is not None:
            raise self._error
        depth = self._loops.frames.index(frame)
        places = self._loops.places[: depth + 1]
        if snapshots.position(places) <= self._newest:
            return None
        began = time.perf_counter()
        if not is_forced and not self._is_due(places):
            return None
        self.flush()
        kept = self._kept(depth)
        self._size = size_of([each.state for each in kept.values()])
        if not is_forced and not self.budget.allows(self._size, is_inner=depth > 0):
            return None
        return self._copied(places, kept, began)

    def save(self, copied: Copied, moment: Moment, keep_bytes: int) -> None:
        """Write a snapshot in the background.

        Args:
            copied: What `copy` returned.
            moment: When it was taken.
            keep_bytes: How much the snapshots may take on disk.
        """
        if (hook := sys.modules.get("nbexp.observe.hook")) is not None:
            hook.flush()  # whoever goes on from here has to know what was used before
        number = self._store.next_number()
        folder = self._folder / snapshots.folder_name(number, copied.places, moment)
        is_alone = not self._has_bases(copied.places)
        snapshot = Snapshot(
            folder,
            number,
            moment,
            copied.places,
            self._loops.variant,
            is_alone,
            step=self._loops.step,
        )
        self._newest = snapshot.position
        self._depth = len(copied.places)
        self._writer.submit(partial(self._write, snapshot, copied, keep_bytes))

    def _is_due(self, places: Places) -> bool:
        # An outer loop waits for the snapshot of an inner one: the next inner ones need its own.
        if not self._writer.is_idle and len(places) >= self._depth:
            return False
        if not self.budget.allows(self._size, is_inner=len(places) > 1):
            return False
        self.flush()
        return self._has_bases(places)

    def _has_bases(self, places: Places) -> bool:
        """Return whether each loop around can go on from the start of its present iteration."""
        around = [places[: n + 1] for n, place in enumerate(places[:-1]) if place.keeps]
        return all(each[-1].index == 0 or self._store.at(each) for each in around)

    def _kept(self, depth: int) -> dict[str, Captured]:
        objects = self._loops.objects(depth)
        return {
            name: capture.captured(name, getattr(state, name)) for name, state in objects.items()
        }

    def _copied(self, places: Places, kept: dict[str, Captured], began: float) -> Copied:
        waited_s = _await_devices()
        here = [name for name, each in kept.items() if each.kind in _IN_PLACE]
        states = self._copier.copy({name: e.state for name, e in kept.items()}, here=here)
        content = {
            "objects": {n: {"kind": e.kind.value, "state": states[n]} for n, e in kept.items()},
            "generators": generators.capture(),
            "entries": [frame.entry for frame in self._loops.frames[: len(places)]],
            "settings": {name: self._loops.settings.get(name) for name in kept},
        }
        return Copied(places, content, time.perf_counter() - began - waited_s)

    def _write(self, snapshot: Snapshot, copied: Copied, keep_bytes: int) -> None:
        began = time.thread_time()
        try:
            self._check(copied.content["objects"])
            snapshots.write(snapshot, copied.content)
            self._store.add(snapshots.read(snapshot.folder))
            self._store.thin(keep_bytes)
        except DamagedError as error:
            raise CheckpointError(str(error)) from error
        finally:
            cost_s = copied.took_s + time.thread_time() - began
            self.budget.took(cost_s, size_of(copied.content))

    def _check(self, objects: dict[str, Any]) -> None:
        """Refuse what was put into a list or table since it was registered."""
        from nbexp import artifacts

        for name, kept in objects.items():
            culprit = artifacts.culprit(kept["state"])
            if culprit is not None:
                self._error = CheckpointError(
                    f"nbexp.checkpoint({name}=…): it holds {culprit} by now, which snapshots "
                    "can't keep. Keep plain data, arrays and tensors in it."
                )
                raise self._error

    def resume(self, frame: ActiveLoop) -> Resume | None:
        """Return where a loop that was just entered goes on, or None where it begins.

        Raises:
            CheckpointError: The snapshots are of another notebook.
        """
        around = self._loops.places[:-1]
        if (*snapshots.position(around), frame.order) > self._past:
            return None
        self.flush()
        while within := self._store.within(around, frame.order):
            newest, depth = within[0], len(around)
            self._check_name(frame, newest, depth)
            is_exact = len(newest.places) == depth + 1
            base = newest if is_exact else self._store.at(newest.places[: depth + 1])
            if base is None and newest.places[depth].index == 0:
                return None
            is_usable = base or newest.is_alone or self._is_foreign(newest)
            found = self._opened(base or newest, base is None) if is_usable else None
            if found is not None:
                return found
            self._store.remove(base or newest)
            known = self._store.snapshots
            self._newest = known[-1].position if known else ()
        return None

    def _opened(self, snapshot: Snapshot, is_partial: bool) -> Resume | None:
        depth = len(self._loops.frames) - 1
        try:
            content = snapshots.content_of(snapshot)
        except DamagedError:
            return None
        return Resume(snapshot.places[depth].index, snapshot, content, is_partial)

    def _check_name(self, frame: ActiveLoop, snapshot: Snapshot, depth: int) -> None:
        name = snapshot.places[depth].loop
        if name != frame.name:
            raise CheckpointError(
                f"The snapshots in {self._folder} were taken where this notebook had "
                f"nbexp.loop({name!r}, …), but it came to nbexp.loop({frame.name!r}, …). Delete "
                "that folder, or start afresh with: nbexp run --fresh"
            )

    def _is_foreign(self, snapshot: Snapshot) -> bool:
        return snapshot.variant != self._loops.variant

    def set_entry(self, frame: ActiveLoop, resume: Resume) -> None:
        """Set the generators to their states when the loop began, before its iterable is made."""
        depth = self._loops.frames.index(frame)
        frame.entry = resume.content["entries"][depth]
        if frame.entry is not None:
            self._restore(frame.entry, depth)

    def restore(self, frame: ActiveLoop, resume: Resume) -> None:
        """Set all that is registered back to a snapshot.

        Raises:
            CheckpointError: It does not fit.
        """
        depth = self._loops.frames.index(frame)
        self._loops.step = max(self._loops.step, resume.snapshot.step)
        saved, here = resume.content["objects"].keys(), self._loops.objects(depth).keys()
        if saved != here and not resume.is_partial:
            raise CheckpointError(
                f"The snapshot {resume.snapshot.folder} holds {_listed(saved)}, but the notebook "
                f"registered {_listed(here)} before loop {frame.name!r}. Delete the variant's "
                "folder snapshots/, or start afresh with: nbexp run --fresh"
            )
        settings = resume.content["settings"] if self._is_foreign(resume.snapshot) else {}
        self._restore(resume.content, depth, settings)

    def _restore(self, content: Any, depth: int, settings: dict[str, Any] | None = None) -> None:
        objects = self._loops.objects(depth)
        for name in content["objects"].keys() & objects.keys():
            record = content["objects"][name]
            state = revive(record["state"])
            if settings:
                ours = self._loops.settings.get(name)
                state = capture.with_settings(state, settings.get(name), ours)
            holder = vars(objects[name])
            holder[name] = capture.restore(
                name, holder[name], Captured(CaptureKind(record["kind"]), state)
            )
        generators.restore(content["generators"])


def _await_devices() -> float:
    """Wait for what GPUs still compute, which is no cost of the copying; return the seconds."""
    began = time.perf_counter()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "nothing"
