"""Tracks a run in MLflow once there is something to write, and as long as MLflow is there.

Importing MLflow takes a second, and starting its database as long: a run in which all is cached
does without, where its database lies on this machine. The next run that executes something enters
it, as it enters what was left while MLflow was away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from threading import Thread

from nbexp.errors import RunError
from nbexp.files import write_json
from nbexp.metrics import Entry
from nbexp.pipeline import Pipeline
from nbexp.run.tracker import KnownResult
from nbexp.runs.folder import RunFolder
from nbexp.runs.outcome import Outcome
from nbexp.runs.record import VariantRecord
from nbexp.states import State
from nbexp.tracking.git import git_tags
from nbexp.tracking.mlflow import MlflowTracker

_log = logging.getLogger(__name__)


class LazyTracker:
    """Stands before MLflow's tracker: opens a run there when that is needed and can be done.

    Args:
        pipeline: The pipeline.

    Attributes:
        uri: MLflow's tracking URI.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._mlflow = MlflowTracker(pipeline)
        self.uri = self._mlflow.uri
        self._run: Path | None = None
        self._is_expected = False
        self._is_open = False
        self._trouble: RunError | None = None
        self._is_connected = False
        self._seen: tuple[int, int] | None = None
        self._asked: Thread | None = None  # asks whether a server is there

    @property
    def is_local(self) -> bool:
        """Whether MLflow is a database on this machine, which nobody else can have changed."""
        return self._mlflow.database is not None

    @property
    def is_new(self) -> bool:
        """Whether the database is a file that is not there yet, or not any more."""
        return self._mlflow.is_new

    @property
    def failures(self) -> Sequence[str]:
        """What could not be written, and why."""
        trouble = [str(self._trouble)] if self._trouble else []
        return [*trouble, *self._mlflow.failures]

    @property
    def is_whole(self) -> bool:
        """Whether all of the run has been written."""
        return self._is_open and not self.failures and not self._mlflow.is_doubtful

    @property
    def is_reached(self) -> bool:
        """Whether MLflow could be reached, and has not gone away since."""
        return self._is_connected and not self._mlflow.is_away

    def expect(self) -> None:
        """Connect in the background, since there is going to be something to write."""
        self._is_expected = True
        if not self.is_local:
            self._asked = Thread(target=self._ask, daemon=True)
            self._asked.start()
        self._mlflow.begin_to_connect()

    def connect(self) -> None:
        """Make sure that MLflow can be used, if it is expected to be; one that is away is left.

        Raises:
            RunError: MLflow refuses its database, or the access to it.
        """
        if self._is_expected and not self._is_away():
            self._mlflow.connect()
            self._is_connected = True

    def find(self, keys: Collection[str]) -> Mapping[str, Sequence[Path]]:
        """Return the folders of variants that finished elsewhere with these keys.

        Raises:
            RunError: MLflow can't be reached.
        """
        if not self._mlflow.knows_more or self._is_away():
            return {}
        return self._mlflow.find(keys)

    def results(self, stage: str, metric: str, limit: int) -> Sequence[KnownResult]:
        """Return what variants of a stage came to that finished or were pruned, newest first.

        Raises:
            RunError: MLflow can't be reached.
        """
        self._reach()
        return self._mlflow.results(stage, metric, limit)

    def open_run(self, run: Path) -> None:
        """Begin a run; in MLflow only if it is connected to, or else with the first variant."""
        self._run = run
        if self._is_connected:
            self._open()
        if not self._is_open:  # what whoever enters it later can't know any more
            source = git_tags(self._pipeline.folder)
            write_json(RunFolder(run).tracking, {"uri": self._mlflow.shown_uri, "source": source})

    def begin(self, record: VariantRecord, folder: Path) -> tuple[str | None, Mapping[str, str]]:
        """Begin a variant's run; return its id, and what its kernel needs to log into it."""
        if not self._is_open and self._trouble is None:
            self._open()
        if self._is_open:
            return self._mlflow.begin(record, folder)
        return None, self._mlflow.variables

    def log(self, record: VariantRecord, folder: Path, entries: Sequence[Entry]) -> None:
        """Write what a running variant has logged, in the background."""
        if self._is_open:
            self._mlflow.log(record, folder, entries)

    def finish(
        self, record: VariantRecord, outcome: Outcome, folder: Path, done: Callable[[], None]
    ) -> None:
        """Write how a variant ended, in the background; then call `done`."""
        if self._is_open:
            self._mlflow.finish(record, outcome, folder, done)
        else:
            done()

    def close_run(self, state: State) -> None:
        """Wait until everything is written, and end the run."""
        self._mlflow.close_run(state)
        database = self._mlflow.database
        if self._is_open and database is not None and self._seen != _identity(database):
            self._trouble = RunError(f"{database} was deleted while the run went on")

    def recover(self, run: Path) -> bool:
        """Write what a run that has ended left and MLflow lacks; False if it is not for us.

        Raises:
            RunError: MLflow can't be reached, or not all could be written.
        """
        self._reach()
        return self._mlflow.recover(run)

    def knows(self, run: Path) -> bool | None:
        """Whether a run that was written is still there; None if it is not for us.

        Raises:
            RunError: MLflow can't be reached.
        """
        self._reach()
        return self._mlflow.knows(run)

    def close(self) -> None:
        """Let go of MLflow."""
        self._mlflow.close()

    def _open(self) -> None:
        """Begin the run in MLflow; where that can't be done, it goes on without."""
        try:
            self._reach()
            if self._run is not None:
                self._mlflow.open_run(self._run)
                self._is_open, database = True, self._mlflow.database
                self._seen = _identity(database) if database is not None else None
        except RunError as error:
            self._trouble = error
            _log.debug("MLflow: %s", self._run, exc_info=error)

    def _reach(self) -> None:
        if self._is_away() and self._trouble is not None:
            raise self._trouble
        if not self._is_connected:
            self._mlflow.connect()
            self._is_connected = True

    def _is_away(self) -> bool:
        """Whether MLflow's server does not answer; it is asked once a run."""
        if self._asked is not None:
            self._asked.join()
        elif self._trouble is None and not self._is_connected:
            self._trouble = self._mlflow.why_unreachable()
        return self._trouble is not None

    def _ask(self) -> None:
        """Ask a server whether it is there, and tell at once if it is not."""
        self._trouble = self._mlflow.why_unreachable()
        if self._trouble is not None:
            _log.warning("%s; the run starts without it", self._trouble)


def _identity(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one in its place; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
