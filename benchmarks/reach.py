"""Does a stage run again whenever what its notebook reaches has changed, and no other stage?

    python -m benchmarks.reach [--only WAY ...] [--moved 5] [--folder FOLDER]

Makes a pipeline with a stage for each way in which notebooks reach data and code (`ways.py`), and
runs it: everything is executed, and the second time everything is cached. Then it changes what
each one reaches, one after another, and runs the whole pipeline each time: exactly that stage is
to run again, with the new value, and `nbexp why` is to name what has changed. At last it moves the
project, runs it again, where everything is to be cached, and repeats some of the changes. Prints a
table, and exits with 1 if anything was not so.

It takes about 8 s for each change. A file ``nbexp-benchmark-reach.pth`` lies in the environment
meanwhile, as of a package that is installed for editing.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbexp
from benchmarks.ways import WAYS, Place, Way, pth_file, write_notebook


@dataclass(frozen=True)
class Row:
    """What came of one change.

    Attributes:
        way: Name of the way.
        ran: Whether its stage ran again.
        is_right: Whether it left the new value.
        others: Other stages that ran.
        is_named: Whether `nbexp why` named what had changed.
    """

    way: str
    ran: bool
    is_right: bool
    others: tuple[str, ...]
    is_named: bool

    @property
    def is_good(self) -> bool:
        """Whether all is as it should be."""
        return self.ran and self.is_right and not self.others and self.is_named


class Project:
    """A pipeline of a stage for each way, in a folder.

    Args:
        root: An empty folder.
        ways: The ways.
    """

    def __init__(self, root: Path, ways: Sequence[Way]) -> None:
        self.ways = ways
        self.folder = root / "project"
        self._outside = root / "outside"
        self._environment: dict[str, str] = {}
        lines = ['name = "reach"']
        for way in ways:
            notebook = Path("ways") / way.name / "notebook.ipynb"
            write_notebook(self.folder / notebook, way)
            self.write(way, way.starts)
            lines += [f"[stages.{way.name}]", f'notebook = "{notebook}"']
            lines += [f"params.{name} = {json.dumps(v)}" for name, v in way.params.items()]
        (self.folder / "pipeline.toml").write_text("\n".join(lines) + "\n")

    def write(self, way: Way, number: int) -> None:
        """Write a number into what a notebook reaches."""
        folder = self.folder / "ways" / way.name
        way.write(Place(folder, self.folder, self._outside, self._environment), number)

    def move(self, name: str) -> None:
        """Rename the project's folder."""
        self.folder = self.folder.rename(self.folder.with_name(name))
        if "PYTHONPATH" in self._environment:
            self._environment["PYTHONPATH"] = str(self.folder / "lib")

    def run(self) -> tuple[set[str], dict[str, str]]:
        """Run the pipeline; return which stages were executed, and what each one left."""
        self._nbexp("run")
        newest = max((self.folder / "runs").glob("[!.]*"))  # by the time in its name
        variants = nbexp.RunResult.read(newest).variants
        executed = {v.stage for v in variants if v.state is not nbexp.State.CACHED}
        return executed, {v.stage: str(v.scraps.get("value", v.state)) for v in variants}

    def why(self, stage: str) -> str:
        """Return what is said of why a stage ran."""
        return self._nbexp("why", stage)

    def _nbexp(self, *arguments: str) -> str:
        environment = {**os.environ, **self._environment, "RAY_ADDRESS": "local", "COLUMNS": "500"}
        environment.pop("MLFLOW_TRACKING_URI", None)
        command = [sys.executable, "-m", "nbexp", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode not in (0, 1):  # 1: a stage failed, which the table tells
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout


def main() -> int:
    """Change everything in turn, and print what came of it."""
    arguments = _arguments()
    ways = [way for way in WAYS if not arguments.only or way.name in arguments.only]
    missing = {name for way in ways for name in way.needs if not importlib.util.find_spec(name)}
    left_out = [way.name for way in ways if missing & set(way.needs)]
    ways = [way for way in ways if way.name not in left_out]
    with _folder(arguments.folder) as root:
        is_good = _try(Project(root, ways), arguments.moved)
    if left_out:
        print(f"left out: {', '.join(left_out)}; not installed: {', '.join(sorted(missing))}")
    return 0 if is_good else 1


def _try(project: Project, moved: int) -> bool:
    executed, values = project.run()
    wrong = [way.name for way in project.ways if values[way.name] != str(way.starts)]
    _tell("first run", f"{len(executed)} of {len(project.ways)} executed", wrong=wrong)
    again, _ = project.run()
    _tell("second run", f"{len(again)} of {len(project.ways)} executed", wrong=sorted(again))
    print(f"{'way':16}{'ran again':11}{'right':7}{'named':7}others that ran")
    rows = [_change(project, way, 2) for way in project.ways]
    project.move("elsewhere")
    strays, _ = project.run()
    _tell("after moving", f"{len(strays)} of {len(project.ways)} executed", wrong=sorted(strays))
    several = [way for way in project.ways if way.name != "exists"]
    step = max(1, len(several) // moved) if moved else len(several) + 1
    rows += [_change(project, way, 3) for way in several[::step][:moved]]
    bad = [row.way for row in rows if not row.is_good]
    print(f"{len(rows) - len(bad)} of {len(rows)} changes as they should be")
    return not (wrong or again or strays or bad) and len(executed) == len(project.ways)


def _change(project: Project, way: Way, number: int) -> Row:
    """Change what a notebook reaches, run everything, and print what came of it."""
    project.write(way, number)
    executed, values = project.run()
    row = Row(
        way=way.name,
        ran=way.name in executed,
        is_right=values[way.name] == str(number),
        others=tuple(sorted(executed - {way.name})),
        is_named=way.name in executed and way.word in project.why(way.name),
    )
    words = ["yes" if each else "NO" for each in (row.ran, row.is_right, row.is_named)]
    print(f"{row.way:16}{words[0]:11}{words[1]:7}{words[2]:7}{', '.join(row.others)}", flush=True)
    return row


def _tell(what: str, came: str, *, wrong: Sequence[str]) -> None:
    print(f"{what}: {came}{'; wrong: ' + ', '.join(wrong) if wrong else ''}", flush=True)


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Make the folder that all of it lies in; one that was not asked for is deleted afterwards."""
    root = given or Path(tempfile.mkdtemp(prefix="nbexp-reach-"))
    root.mkdir(parents=True, exist_ok=True)
    try:
        yield root
    finally:
        pth_file().unlink(missing_ok=True)
        if given is None:
            shutil.rmtree(root, ignore_errors=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    names = [way.name for way in WAYS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="WAY", default=[],
                        help=f"try these alone: {', '.join(names)}")  # fmt: skip
    parser.add_argument("--moved", type=int, default=5, metavar="COUNT",
                        help="how many changes are repeated after the move")  # fmt: skip
    parser.add_argument("--folder", type=Path, help="an empty folder, which is kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
