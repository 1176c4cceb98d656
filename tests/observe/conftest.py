from __future__ import annotations

from pathlib import Path

import pytest
from observed_project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "project")
    for folder in ("nbs", "src", "data"):
        (made.root / folder).mkdir(parents=True)
    (made.root / "data" / "a.csv").write_text("x\n1\n")
    (made.root / "data" / "b.txt").write_text("b")
    (made.root / "src" / "lib.py").write_text("VALUE = 1\n")
    return made
