"""A notebook's kernel in a run or by hand, and one that dies and is started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbexp.checkpoints import writer
from nbexp.notebook import session

_NAMES = ("NBEXP_FOLDER", "NBEXP_VARIANT", "NBEXP_METRIC", "NBEXP_CHANNEL")


class DiedError(Exception):
    """Stands for the death of a kernel: nothing of it is caught by the notebook."""


class Kernel:
    """A kernel that can die at a chosen event, and be started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Any] = []
        self._left: int | None = None

    def tick(self, event: Any = None) -> None:
        """Happen; die if it is time to. Snapshots are on disk by then."""
        checkpointer = session.current().checkpointer
        if checkpointer is not None:
            checkpointer.flush()
        if self._left == 0:
            raise DiedError
        self._left = None if self._left is None else self._left - 1
        self.events.append(event)

    def live(self, program: Callable[[Kernel], Any], *, events: int | None = None) -> Any:
        """Run a program from its first cell; return its result, or None if it dies."""
        session.reset()
        self.events, self._left = [], events
        try:
            return program(self)
        except DiedError:
            return None
        finally:
            checkpointer = session.current().checkpointer
            if checkpointer is not None:
                checkpointer.flush()

    def snapshots(self) -> list[str]:
        """Return the names of the snapshots, without their numbers."""
        return [path.name[9:] for path in sorted(self.folder.glob("snapshots/[0-9]*"))]


@pytest.fixture
def by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    session.reset()
    yield
    session.reset()


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel in a run."""
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NBEXP_FOLDER", str(tmp_path))
    monkeypatch.setenv("NBEXP_VARIANT", "train-3f9a2c")
    session.reset()
    yield Kernel(tmp_path)
    session.reset()


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots at every iteration, whatever they cost."""
    monkeypatch.setattr(writer, "_SHARE", 1e9)
    monkeypatch.setattr(writer, "_MOST", 1e9)
