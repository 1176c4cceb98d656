"""The folder of a run: complete, and readable without nbexp.

runs/digits-20261120-142233/
├── pipeline.toml, pipeline.json   the file as it was, and with all values applied
├── plan.json                      what was to be done
├── events.jsonl, status.json      what happened, and how everything stands
├── templates/                     the notebooks as they were when the run began
├── control.jsonl                  requests to the run
├── driver.lock                    locked while the run is alive
└── variants/train-3f9a2c81/
    ├── variant.json               parameters, lineage, identity
    ├── notebook.ipynb, log.txt, figures/, artifacts/
    ├── work/                      what it wrote where it has a folder of its own: cwd = "variant"
    ├── attempts/                  executions that failed and were retried
    └── result.json                how it ended; written last
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from nbexp import manifest
from nbexp.errors import RunError
from nbexp.execute.cwd import WORK, clear
from nbexp.execute.job import Outcome
from nbexp.files import (
    copy_file,
    link_or_copy,
    read_json,
    to_json,
    write_atomic,
    write_json,
)
from nbexp.lines import read_lines
from nbexp.manifest import MANIFEST
from nbexp.pipeline import Pipeline, Template
from nbexp.records import fits
from nbexp.run.events import Event, EventKind
from nbexp.states import State
from nbexp.urls import without_password

_log = logging.getLogger(__name__)
RUNS = "runs"
_KIND = re.compile("[a-z]+(_[a-z]+)+")
_STATUS = {
    "run": str, "pipeline": str, "state": str, "is_complete": bool, "started": float,
    "ended": float | None, "host": str, "pid": int, "variants": dict[str, str],
}  # fmt: skip
_KINDS = frozenset(kind.value for kind in EventKind)
_LEFT_BEHIND = ("notebook.ipynb", "log.txt", "figures", "artifacts", MANIFEST, "result.json")
# What is brought along with the files of the manifest.
_BESIDE = ("log.txt", "result.json", "metrics.jsonl", "media", "history.json")


class RunFolder:
    """All paths of one run.

    Args:
        path: The run's folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None
        self._numbers: dict[tuple[Path, str], int] = {}  # of templates of one name and code
        self._earlier: tuple[int, list[Path]] = (0, [])  # when the folder of runs changed last

    @classmethod
    def create(cls, pipeline: Pipeline) -> RunFolder:
        """Make the folder of a new run, lock it, and write what is to be run.

        Raises:
            RunError: It can't be written.
        """
        with _told(root := pipeline.folder / RUNS):
            root.mkdir(parents=True, exist_ok=True)
            return cls._made(pipeline, root)

    @classmethod
    def _made(cls, pipeline: Pipeline, root: Path) -> RunFolder:
        name = re.sub(r"[^\w.-]+", "-", pipeline.name).strip("-.") or "run"
        # It is locked before it has its name, so that nobody takes it for one that was cut off.
        folder = cls(Path(tempfile.mkdtemp(prefix=".new-", dir=root)))
        folder.path.chmod(0o755)
        folder.try_lock()
        folder.variants.mkdir()
        if pipeline.file is not None:
            text = pipeline.file.read_bytes().decode()
            write_atomic(folder.path / "pipeline.toml", without_password(text))
        write_json(folder.path / "pipeline.json", _shown(pipeline.source))
        folder.keep_templates(pipeline)
        folder.path = _rename(folder.path, f"{name}-{time.strftime('%Y%m%d-%H%M%S')}")
        return folder

    @staticmethod
    def check_place(pipeline: Pipeline) -> None:
        """Check that the folder of a run can be made, before anything is started for it.

        Raises:
            RunError: It can't be written.
        """
        root = pipeline.folder / RUNS
        with _told(root):
            tempfile.TemporaryFile(dir=root if root.exists() else pipeline.folder).close()

    @property
    def id(self) -> str:
        """Name of the run."""
        return self.path.name

    @property
    def variants(self) -> Path:
        """Folder of the variants' folders."""
        return self.path / "variants"

    @property
    def control(self) -> Path:
        """File of requests to the run."""
        return self.path / "control.jsonl"

    @property
    def events(self) -> Path:
        """File of events."""
        return self.path / "events.jsonl"

    def variant(self, name: str) -> Path:
        """Return the folder of a variant."""
        return self.variants / name

    def template(self, template: Template) -> Path:
        """Return the run's own copy of a template."""
        number = self._numbers.get((template.path, template.code), 1)
        stem = template.path.stem if number == 1 else f"{template.path.stem}-{number}"
        return self.path / "templates" / f"{stem}-{template.code[:8]}{template.path.suffix}"

    def kept_template(self, template: Path, code: str) -> Path:
        """Return the run's copy of a template with a content hash of its code cells."""
        return self.path / "templates" / f"{template.stem}-{code[:8]}{template.suffix}"

    def keep_templates(self, pipeline: Pipeline) -> None:
        """Write a copy of every template, so that none changes while the run goes on."""
        (self.path / "templates").mkdir()
        for stage in pipeline.stages.values():
            for template in stage.templates:
                self._number(template)
                write_atomic(self.template(template), template.content)

    def _number(self, template: Template) -> None:
        """Number templates of one name and code in several folders, whose texts may differ."""
        same = [
            path
            for path, code in self._numbers
            if code == template.code and path.name == template.path.name
        ]
        if template.path not in same:
            self._numbers[template.path, template.code] = len(same) + 1

    def earlier(self) -> list[Path]:
        """Return the folders of the other runs beside this one, newest first."""
        changed = self.path.parent.stat().st_mtime_ns
        if changed != self._earlier[0]:
            others = (p for p in self.path.parent.iterdir() if p != self.path and p.name[0] != ".")
            newest_first = sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)
            self._earlier = (changed, newest_first)
        return self._earlier[1]

    def attempt(self, name: str, number: int) -> Path:
        """Return the folder that keeps an attempt of a variant that failed, from 1."""
        return self.variant(name) / "attempts" / str(number)

    def read_events(
        self, *, all_known: bool = False, damage: list[str] | None = None
    ) -> Iterator[Event]:
        """Yield the events so far.

        Args:
            all_known: Whether kinds that only a later nbexp knows are errors; else they are left
                out.
            damage: Takes what is wrong with lines that are left out since they are damaged.

        Raises:
            OSError: They can't be read.
            ValueError: There is one of a kind that is not known, when it comes to it.
        """
        damage = [] if damage is None else damage
        for record in read_lines(self.events, damage):
            try:
                yield Event.from_record(record)
            except ValueError as error:
                if not _is_unknown(record):
                    damage.append(str(error))
                elif all_known:
                    raise

    def read_status(self) -> dict[str, Any]:
        """Return the last status written, or an empty table."""
        try:
            status = read_json(self.path / "status.json")
        except (OSError, ValueError):
            return {}
        return dict(status) if fits(status, _STATUS) else {}

    def write_status(self, status: dict[str, Any]) -> None:
        """Write the status of the run: a line for each of its keys."""
        lines = (f" {to_json(key)}: {to_json(value)}" for key, value in status.items())
        write_atomic(self.path / "status.json", "{\n" + ",\n".join(lines) + "\n}\n")

    def try_lock(self) -> bool:
        """Lock the run for this process; False where another holds it. Death unlocks it."""
        self._lock = (self.path / "driver.lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            self._lock = None
            return False
        return True

    def unlock(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def is_alive(self) -> bool:
        """Whether a process works on the run."""
        if self._lock is not None:
            return True
        try:
            with (self.path / "driver.lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def keep_attempt(self, name: str, number: int) -> Path:
        """Move what an attempt left aside, so that the next starts clean; return where to."""
        target = self.attempt(name, number)
        target.mkdir(parents=True, exist_ok=True)
        clear(self.variant(name) / WORK)  # its worker may have been lost
        for file in (*_LEFT_BEHIND, WORK):
            source = self.variant(name) / file
            if not source.exists():
                continue
            if not (self.variant(name) / "snapshots").is_dir():
                source.replace(target / file)
            elif file == "artifacts":  # the next goes on from a snapshot, and needs them
                _copy(source, target / file)
            elif file != WORK:
                source.replace(target / file)
        return target

    def leave_lost(self, outcome: Outcome) -> None:
        """Write how a variant ended whose worker was lost, and clear away what that laid out."""
        clear(self.variant(outcome.variant) / WORK)
        self.write_result(outcome)

    def write_result(self, outcome: Outcome) -> None:
        """Write how a variant ended; it survives a loss of power."""
        file = self.variant(outcome.variant) / "result.json"
        write_json(file, outcome.to_record(), durable=True, is_checked=True)

    def seal(self, name: str, outcome: Outcome) -> None:
        """Write the manifest of a variant that others than its worker have ended with success."""
        with contextlib.suppress(OSError, ValueError, LookupError):  # then it is not whole
            manifest.write(self.variant(name), _parts(outcome))

    def adopt(self, name: str, source: Path, key: str) -> Path | None:
        """Bring the files of a variant that ran before into this run.

        Large artifacts are linked where the file system can; all else is copied.

        Args:
            name: Name of the variant.
            source: Folder in which it ran.
            key: Identity that it must have finished with.

        Returns:
            Its folder in this run; None where the source is not whole, or goes away meanwhile.
        """
        target = self.variant(name)
        outcome = None if target.exists() else read_outcome(source, key)
        if outcome is None:
            return None
        beside = Path(tempfile.mkdtemp(prefix=".", dir=self.variants))
        try:
            manifest.bring(source, beside, _parts(outcome))
            for file in _BESIDE:
                if (source / file).exists():
                    _copy(source / file, beside / file)
            beside.chmod(0o755)
            return beside.rename(target) if read_outcome(beside, key) else None
        except (OSError, ValueError, LookupError, shutil.Error):
            return None
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def read_outcome(folder: Path, key: str | None = None) -> Outcome | None:
    """Return how the variant in a folder ended, or None where that is not known.

    Args:
        folder: The variant's folder.
        key: Identity that it must have finished with (or have been pruned with), with its
            notebook, figures and artifacts whole: what is damaged is not known.
    """
    try:
        outcome = Outcome.from_record(read_json(folder / "result.json"))
    except (OSError, ValueError, TypeError, LookupError):
        return None
    if key is None:
        return outcome
    if outcome.state not in (State.FINISHED, State.PRUNED) or outcome.key != key:
        return None
    if reason := manifest.damage(folder, _parts(outcome)):
        _log.warning("%s is not used again: %s", folder, reason)
        return None
    return outcome


def _parts(outcome: Outcome) -> list[str]:
    return manifest.parts_of(outcome.artifacts, outcome.figures)


def read_end(folder: Path, *keys: str) -> Outcome | None:
    """Return how the variant in a folder ended, well or not, with one of some identities."""
    outcome = read_outcome(folder)
    if outcome is None or outcome.key not in keys:
        return None
    return read_outcome(folder, outcome.key) if outcome.state.is_success else outcome


def _is_unknown(record: Any) -> bool:
    """Whether an event is of a kind that a later nbexp may know."""
    kind = record.get("event") if isinstance(record, dict) else None
    return isinstance(kind, str) and kind not in _KINDS and _KIND.fullmatch(kind) is not None


def _shown(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return a pipeline as plain tables, without a password in the address of what tracks it."""
    tracking = dict(source.get("tracking") or {})
    if isinstance(tracking.get("uri"), str):
        tracking["uri"] = without_password(tracking["uri"])
    return {**source, **({"tracking": tracking} if tracking else {})}


@contextlib.contextmanager
def _told(root: Path) -> Iterator[None]:
    """Turn an error of the system's into one that says what to do."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"The files of a run can't be written below {root}: {error.strerror or error}. Make "
            "the folder writable, free some room, or copy the project to where you may write."
        ) from error


def _rename(path: Path, name: str) -> Path:
    number = 1
    while True:
        target = path.with_name(name if number == 1 else f"{name}-{number}")
        try:
            return path.rename(target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            number += 1


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        copy = link_or_copy if source.name == "artifacts" else copy_file
        shutil.copytree(source, target, copy_function=copy)
    else:
        copy_file(source, target)
