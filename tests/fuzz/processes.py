"""Command lines and pipelines through the command itself, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

from fuzz._base import Case, Kind
from fuzz.command_lines import CommandLines, command_line
from fuzz.commands import check_end
from fuzz.pipelines import mutated

_WAIT_S = 100


class Processes(Kind):
    """What the command ends with, and writes into a pipe."""

    suite_cases = 3

    def __init__(self, material: Path) -> None:
        super().__init__(material)
        self._project = CommandLines(material)

    def make(self, rng: Random, folder: Path) -> Case:
        shutil.copytree(self.material, folder, dirs_exist_ok=True)
        line = ["plan"] if rng.random() < 0.5 else command_line(rng)
        if line == ["plan"]:
            (folder / "pipeline.toml").write_bytes(mutated(rng))
        return Case(f"the command line {line!r} in a process", lambda: _check(line))


def _check(line: list[str]) -> None:
    words = [word.encode(errors="surrogatepass") for word in line]
    command = [os.fsencode(sys.executable), b"-W", b"ignore", b"-m", b"nbexp", *words]
    done = subprocess.run(
        command, capture_output=True, timeout=_WAIT_S, check=False, stdin=subprocess.DEVNULL
    )
    output = (done.stdout + done.stderr).decode(errors="replace")
    check_end(done.returncode, output, (0, 1, 2, 130), line)
