"""The fuzzer's first cases of each kind; more by hand: ``make fuzz``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz.kinds import KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_cases_of_a_kind_find_nothing(kind: str) -> None:
    """Run them in a process of its own, with limits of its own."""
    count = str(KINDS[kind].suite_cases)
    command = [sys.executable, "-m", "fuzz", "--kind", kind, "--cases", count]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
