"""What a check of the machine has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """What a check has found.

    Attributes:
        name: What was looked at.
        level: Whether it is fine.
        message: What was found.
        remedy: What to do about it, where it is not fine.
    """

    name: str
    level: Level
    message: str
    remedy: str = ""

    def to_record(self) -> dict[str, Any]:
        """Return it as a table for JSON."""
        return vars(self) | {"level": self.level.value}
