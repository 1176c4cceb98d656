"""The contract of the fuzzer: a kind makes a case of a seed; a case passes, or raises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random


class FaultError(AssertionError):
    """Something came out of a case that must not; the text says what."""


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        what: What it is, in words.
        check: Runs it; whatever it raises is a fault.
    """

    what: str
    check: Callable[[], None]


class Kind(ABC):
    """A kind of cases.

    Args:
        material: An empty folder, for what all cases start from; it is made once.
    """

    cpu_s = 10.0  # of processor time that one case may take
    suite_cases = 20  # that the suite runs, beside the hours by hand

    def __init__(self, material: Path) -> None:
        self.material = material

    @abstractmethod
    def make(self, rng: Random, folder: Path) -> Case:
        """Return the case of a generator's seed.

        Args:
            rng: All chance comes from it.
            folder: An empty folder for the case, which is also the current one; it is removed.
        """

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what was started for all cases."""


def expect(holds: object, fault: str) -> None:
    """Raise a fault unless something holds."""
    if not holds:
        raise FaultError(fault)
