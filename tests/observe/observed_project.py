"""A project in which a script stands for a notebook, since the same hook hears both."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbexp.lines import GrowingFile
from nbexp.observe.check import Check
from nbexp.observe.hook import VARIABLE
from nbexp.observe.lines import take_events
from nbexp.observe.record import NotebookPlace, Observation
from nbexp.observe.states import Files


@dataclass(frozen=True)
class Project:
    root: Path
    files: Files = field(default_factory=Files)

    @property
    def nbs(self) -> Path:
        return self.root / "nbs"

    def run(self, code: str, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
        lines = self.root.parent / "observed.jsonl"
        lines.unlink(missing_ok=True)
        (self.nbs / "main.py").write_text(textwrap.dedent(code))
        environment = {**os.environ, VARIABLE: str(lines), **(variables or {})}
        done = subprocess.run(
            [sys.executable, "main.py"],
            cwd=self.nbs,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        place = NotebookPlace(self.root, self.root.parent / "variant", self.nbs)
        observation = Observation(place, self.files)
        observation.take(take_events(GrowingFile(lines)))
        return observation.to_record()

    def changes(
        self, record: Mapping[str, Any], variables: Mapping[str, str] | None = None
    ) -> list[str]:
        environment = {**os.environ, **(variables or {})}
        return list(Check(self.root, environment, self.files).changes(record))


def make(code: str, root: Path) -> None:
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=root, check=True)
