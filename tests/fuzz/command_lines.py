"""Command lines of all kinds, in this process."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from random import Random

from fuzz._base import Case, Kind
from fuzz.commands import call
from fuzz.damage import make_whole_run
from fuzz.mutations import mutated_text
from fuzz.projects import SETTINGS, write_project

# Those that go on by themselves (run, resume, view) are called with what stops them at once.
_COMMANDS = ("init", "plan", "ls", "show", "why", "logs", "stop", "add", "pause", "continue",
             "report", "export", "table", "run", "resume", "view")  # fmt: skip
_STOPPED = {"run": ("--only", "nothing"), "resume": ("no-such-run",), "view": ("no/such/place",)}
# A byte that is no UTF-8 comes as a surrogate from \udc80 to \udcff, and no other one can come.
_UNPASSED = re.compile("[\0\ud800-\udc7f\udd00-\udfff]")
_WORDS = (
    "digits-0", "digits", "last", "train-1", "train", "train-2", "pipeline.toml", "no-such", "",
    "-", "--", ".", "runs", "runs/digits-0", "pipeline.toml/x", "templates/train.ipynb",
    "--json", "--all", "--fresh", "--set", "--only", "--to", "-C", "--run", "-h", "--format", "csv",
    "--reason", "--no-warm", "--lines", "-n", "9" * 30, "\udcff", "\x1b[2J", "é", "a" * 300,
    "lr=1", "s3://", "--port", "0", "runs/digits-0/variants/train-1/notebook.ipynb", "out.html",
)  # fmt: skip


class CommandLines(Kind):
    """What a command line ends with that was put together by chance."""

    suite_cases = 25

    def __init__(self, material: Path) -> None:
        super().__init__(material)
        write_project(material)
        make_whole_run(material, "digits-0")

    def make(self, rng: Random, folder: Path) -> Case:
        shutil.copytree(self.material, folder, dirs_exist_ok=True)
        line = command_line(rng)
        return Case(f"the command line {line!r}", lambda: call(*line) and None)


def command_line(rng: Random) -> list[str]:
    """Return a command with words and options; one that would go on by itself does not."""
    command = rng.choice(_COMMANDS) if rng.random() < 0.95 else rng.choice(_WORDS)
    if command in ("report", "export", "init") and rng.random() < 0.5:
        command = "show"  # they take longer
    words = [_word(rng) for _ in range(rng.randrange(5))]
    return [command, *words, *_STOPPED.get(command, ())]


def _word(rng: Random) -> str:
    """Return a word that a shell can pass on, and that leads out of the folder to nowhere."""
    word = rng.choice((*_WORDS, *SETTINGS))
    word = mutated_text(word, rng) if rng.random() < 0.2 else word
    return _UNPASSED.sub("", word).lstrip("/")
