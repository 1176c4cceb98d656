"""The folder of a run, as the process that makes it fills it."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nbexp.errors import RunError
from nbexp.execute.cwd import clear
from nbexp.files import copy_file, link_or_copy, write_atomic, write_json
from nbexp.pipeline import Pipeline, Template
from nbexp.runs import manifest
from nbexp.runs.folder import RunFolder
from nbexp.runs.outcome import Outcome, parts_of, read_outcome
from nbexp.runs.variant_folder import ARTIFACTS, RUNS, VariantFolder
from nbexp.urls import without_password


class RunWriter(RunFolder):
    """The folder of a run, and how it is filled.

    Args:
        path: The run's folder.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._numbers: dict[tuple[Path, str], int] = {}  # of templates of one name and code
        self._earlier: tuple[int, list[Path]] = (0, [])  # when the folder of runs changed last

    @classmethod
    def create(cls, pipeline: Pipeline) -> RunWriter:
        """Make the folder of a new run, lock it, and write what is to be run.

        Raises:
            RunError: It can't be written.
        """
        with _told(root := pipeline.folder / RUNS):
            root.mkdir(parents=True, exist_ok=True)
            return cls._made(pipeline, root)

    @classmethod
    def _made(cls, pipeline: Pipeline, root: Path) -> RunWriter:
        name = re.sub(r"[^\w.-]+", "-", pipeline.name).strip("-.") or "run"
        # It is locked before it has its name, so that nobody takes it for one that was cut off.
        folder = cls(Path(tempfile.mkdtemp(prefix=".new-", dir=root)))
        folder.path.chmod(0o755)
        folder.try_lock()
        folder.variants.mkdir()
        if pipeline.file is not None:
            text = pipeline.file.read_bytes().decode()
            write_atomic(folder.pipeline_file, without_password(text))
        write_json(folder.pipeline, _shown(pipeline.source))
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

    def template(self, template: Template) -> Path:
        """Return the run's own copy of a template."""
        number = self._numbers.get((template.path, template.code), 1)
        stem = template.path.stem if number == 1 else f"{template.path.stem}-{number}"
        return self.templates / f"{stem}-{template.code[:8]}{template.path.suffix}"

    def keep_templates(self, pipeline: Pipeline) -> None:
        """Write a copy of every template, so that none changes while the run goes on."""
        self.templates.mkdir()
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

    def keep_attempt(self, name: str, number: int) -> VariantFolder:
        """Move what an attempt left aside, so that the next starts clean; return where to."""
        own = self.variant(name)
        target = own.attempt(number)
        target.path.mkdir(parents=True, exist_ok=True)
        clear(own.work)  # its worker may have been lost
        goes_on = own.snapshots.is_dir()
        left = (own.notebook, own.log, own.figures, own.artifacts, own.manifest, own.result)
        for source in filter(Path.exists, left):
            if goes_on and source == own.artifacts:  # the next needs them
                _copy(source, target.artifacts)
            else:
                source.replace(target.path / source.name)
        if own.work.exists() and not goes_on:
            own.work.replace(target.work)
        return target

    def leave_lost(self, outcome: Outcome) -> None:
        """Write how a variant ended whose worker was lost, and clear away what that laid out."""
        clear(self.variant(outcome.variant).work)
        self.write_result(outcome)

    def write_result(self, outcome: Outcome) -> None:
        """Write how a variant ended; it survives a loss of power."""
        file = self.variant(outcome.variant).result
        write_json(file, outcome.to_record(), durable=True, is_checked=True)

    def seal(self, name: str, outcome: Outcome) -> None:
        """Write the manifest of a variant that others than its worker have ended with success."""
        with contextlib.suppress(OSError, ValueError, LookupError):  # then it is not whole
            manifest.write(self.variant(name).path, parts_of(outcome))

    def adopt(self, name: str, source: Path, key: str) -> VariantFolder | None:
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
        outcome = None if target.path.exists() else read_outcome(source, key)
        if outcome is None:
            return None
        beside = Path(tempfile.mkdtemp(prefix=".", dir=self.variants))
        try:
            manifest.bring(source, beside, parts_of(outcome))
            own = VariantFolder(source)
            # What is brought along with the files of the manifest.
            for file in (own.log, own.result, own.metrics, own.media, own.history):
                if file.exists():
                    _copy(file, beside / file.name)
            beside.chmod(0o755)
            if read_outcome(beside, key) is None:
                return None
            beside.rename(target)
        except (OSError, ValueError, LookupError, shutil.Error):
            return None
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return target


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
        copy = link_or_copy if source.name == ARTIFACTS else copy_file
        shutil.copytree(source, target, copy_function=copy)
    else:
        copy_file(source, target)
