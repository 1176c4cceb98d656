"""The folder of a run: complete, and readable without nbexp.

runs/digits-20261120-142233/
├── pipeline.toml, pipeline.json   the file as it was, and with all values applied
├── plan.json                      what was to be done
├── request.json                   what the command line was asked for
├── tracking.json                  where it is tracked, and the state of the code
├── events.jsonl, status.json      what happened, and how everything stands
├── templates/                     the notebooks as they were when the run began
├── searches/                      what searches suggested
├── control.jsonl                  requests to the run
├── output.txt                     what its process wrote, where it has no terminal
├── driver.lock                    locked while the run is alive
├── report/, tensorboard/          its pages, and its boards
└── variants/train-3f9a2c81/
    ├── variant.json               parameters, lineage, identity
    ├── notebook.ipynb, log.txt, figures/, artifacts/
    ├── metrics.jsonl, media/      what it logged
    ├── work/                      what it wrote where it has a folder of its own: cwd = "variant"
    ├── attempts/                  executions that failed and were retried
    └── result.json                how it ended; written last
"""

from __future__ import annotations

import fcntl
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from nbexp.files import read_json, to_json, write_atomic
from nbexp.lines import JsonLinesFile
from nbexp.records import fits
from nbexp.runs.events import Event, EventKind
from nbexp.runs.variant_folder import VARIANTS, VariantFolder

LOCK = "driver.lock"
TEMPLATES = "templates"
_KIND = re.compile("[a-z]+(_[a-z]+)+")
_STATUS = {
    "run": str, "pipeline": str, "state": str, "is_complete": bool, "started": float,
    "ended": float | None, "host": str, "pid": int, "variants": dict[str, str],
}  # fmt: skip
_KINDS = frozenset(kind.value for kind in EventKind)


class RunFolder:
    """All paths of one run, and whether it is alive.

    Args:
        path: The run's folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None

    @property
    def id(self) -> str:
        """Name of the run."""
        return self.path.name

    @property
    def project(self) -> Path:
        """Folder of the pipeline."""
        return self.path.parent.parent

    @property
    def pipeline_file(self) -> Path:
        """The pipeline's file as it was."""
        return self.path / "pipeline.toml"

    @property
    def pipeline(self) -> Path:
        """The pipeline with all values applied."""
        return self.path / "pipeline.json"

    @property
    def plan(self) -> Path:
        """What was to be done."""
        return self.path / "plan.json"

    @property
    def request(self) -> Path:
        """What the command line was asked for."""
        return self.path / "request.json"

    @property
    def tracking(self) -> Path:
        """Where it is tracked, and the state of the code."""
        return self.path / "tracking.json"

    @property
    def events(self) -> Path:
        """What happened."""
        return self.path / "events.jsonl"

    @property
    def status(self) -> Path:
        """How everything stands."""
        return self.path / "status.json"

    @property
    def control(self) -> Path:
        """Requests to the run."""
        return self.path / "control.jsonl"

    @property
    def lock(self) -> Path:
        """Locked while the run is alive; a folder that has it is a run's."""
        return self.path / LOCK

    @property
    def templates(self) -> Path:
        """Folder of the notebooks as they were when the run began."""
        return self.path / TEMPLATES

    @property
    def searches(self) -> Path:
        """Folder of what searches suggested."""
        return self.path / "searches"

    @property
    def report(self) -> Path:
        """Folder of its report."""
        return self.path / "report"

    @property
    def report_page(self) -> Path:
        """The first page of its report."""
        return self.report / "index.html"

    @property
    def output(self) -> Path:
        """What its process wrote, where it was started without a terminal."""
        return self.path / "output.txt"

    @property
    def tensorboard(self) -> Path:
        """Folder of what TensorBoard shows."""
        return self.path / "tensorboard"

    @property
    def variants(self) -> Path:
        """Folder of the variants' folders."""
        return self.path / VARIANTS

    def variant(self, name: str) -> VariantFolder:
        """Return the folder of a variant."""
        return VariantFolder(self.variants / name)

    def kept_template(self, template: Path, code: str) -> Path:
        """Return the run's copy of a template with a content hash of its code cells."""
        return self.templates / f"{template.stem}-{code[:8]}{template.suffix}"

    @property
    def exists(self) -> bool:
        """Whether there is a run in it."""
        return self.lock.is_file()

    def read_events(
        self, *, all_known: bool = False, damage: list[str] | None = None
    ) -> Iterator[Event]:
        """Yield the events so far, as `EventReader` does."""
        damage = [] if damage is None else damage
        return EventReader(self.events, damage, all_known=all_known).take()

    def read_status(self) -> dict[str, Any]:
        """Return the last status written, or an empty table."""
        try:
            status = read_json(self.status)
        except (OSError, ValueError):
            return {}
        return dict(status) if fits(status, _STATUS) else {}

    def write_status(self, status: dict[str, Any]) -> None:
        """Write the status of the run: a line for each of its keys."""
        lines = (f" {to_json(key)}: {to_json(value)}" for key, value in status.items())
        write_atomic(self.status, "{\n" + ",\n".join(lines) + "\n}\n")

    def try_lock(self) -> bool:
        """Lock the run for this process; False where another holds it. Death unlocks it."""
        self._lock = self.lock.open("ab")
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
            with self.lock.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False


class EventReader:
    """Reads the events of a run as they are written.

    Args:
        path: Their file.
        damage: Takes what is wrong with lines that are left out since they are damaged.
        all_known: Whether kinds that only a later nbexp knows are errors; else they are left out.
    """

    def __init__(self, path: Path, damage: list[str], *, all_known: bool = False) -> None:
        self._lines = JsonLinesFile(path, damage=damage)
        self._damage = damage
        self._all_known = all_known

    def is_anew(self) -> bool:
        """Whether the file has become shorter: its events are not those that were read."""
        return self._lines.is_anew()

    def take(self) -> Iterator[Event]:
        """Yield the events since the last call.

        Raises:
            OSError: They can't be read.
            ValueError: There is one of a kind that is not known, when it comes to it.
        """
        for record in self._lines.take():
            try:
                yield Event.from_record(record)
            except ValueError as error:
                if not _is_unknown(record):
                    self._damage.append(str(error))
                elif self._all_known:
                    raise


def _is_unknown(record: Any) -> bool:
    """Whether an event is of a kind that a later nbexp may know."""
    kind = record.get("event") if isinstance(record, dict) else None
    return isinstance(kind, str) and kind not in _KINDS and _KIND.fullmatch(kind) is not None
