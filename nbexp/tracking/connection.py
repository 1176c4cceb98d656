"""The way to MLflow: its client, made on first use, and what is done where it does not answer."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbexp.errors import RunError
from nbexp.masks import Mask
from nbexp.pipeline import Pipeline
from nbexp.tracking.availability import Availability
from nbexp.tracking.blank import copy_blank, drop_blank, keep_blank
from nbexp.tracking.calls import Calls, Client
from nbexp.tracking.relocation import artifact_location, relocate
from nbexp.tracking.sqlite import drop_journal, keep_journal
from nbexp.urls import (
    folder_address,
    passwords,
    split_login,
    sqlite_file,
    sqlite_url,
    without_password,
)

_LONGEST = 400  # characters of an error: a server may answer with a whole page


def tracking_uri(pipeline: Pipeline) -> str:
    """Return where a pipeline is tracked: ``[tracking] uri``, else ``MLFLOW_TRACKING_URI``, else
    ``mlflow.db`` beside it.
    """  # noqa: D205
    uri = pipeline.tracking.uri
    if uri is not None:
        return _absolute(uri, pipeline.folder)
    from_environment = os.environ.get("MLFLOW_TRACKING_URI")
    if from_environment:
        return _absolute(from_environment, Path.cwd())  # kernels start in other folders
    return sqlite_url(pipeline.folder / "mlflow.db")


def _absolute(uri: str, folder: Path) -> str:
    database = sqlite_file(uri)
    if database is not None:
        return uri if database.is_absolute() else sqlite_url(folder / database)
    is_path = ":" not in uri and uri not in ("databricks", "databricks-uc")
    return folder_address(folder / uri) if is_path else uri


class Connection:
    """The way to one MLflow, and the thread in which what takes long is done.

    Args:
        uri: Its tracking URI.

    Attributes:
        database: The SQLite file behind it, or None.
        availability: Whether it is there.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._server, self._login = split_login(uri)
        self._mask = Mask(passwords(uri))
        database = sqlite_file(uri)
        self.database = database if database and database.is_absolute() else None
        self.availability = Availability(uri, self.database)
        self._calls = Calls(self._login, self.availability)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nbexp-mlflow")
        self._made: Future[Any] | None = None

    @property
    def shown_uri(self) -> str:
        """The URI as it may be written: without a password."""
        return without_password(self.uri)

    @property
    def variables(self) -> dict[str, str]:
        """What a kernel needs to use the same MLflow."""
        return {
            "MLFLOW_TRACKING_URI": self._server,
            **self._login,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def shown(self, text: str) -> str:
        """Return a text, such as an error's, in one line, without the password."""
        told = text.partition("\n[SQL:")[0]  # of what SQLAlchemy tells
        line = self._mask.text(without_password(" ".join(told.split())))
        return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"

    @property
    def is_new(self) -> bool:
        """Whether the database is a file that is not there yet, so that nothing can be found."""
        return self.database is not None and not self.database.exists()

    def client(self) -> Any:
        """Return MLflow's client.

        Raises:
            RunError: MLflow can't be reached.
        """
        with self.translate_errors():
            return self.begin().result()

    def begin(self) -> Future[Any]:
        """Connect in the background, if that has not been done; return what will be the client."""
        if self._made is None:
            self._made = self._thread.submit(lambda: Client(self._connect(), self._calls))
        return self._made

    def submit(self, action: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Do something in the thread, once all that was submitted before is done."""
        return self._thread.submit(action, *arguments)

    def close(self) -> None:
        """Wait until all that was submitted is done."""
        self._thread.shutdown(wait=True)
        if self.database is not None and not self.availability.away:
            drop_journal(self.database)

    def make_experiment(self, name: str) -> str:
        """Return the id of an experiment, which is made where it is missing."""
        client = self.client()
        with self._locked():
            found = client.get_experiment_by_name(name)
            if found is None:
                place = self.database and artifact_location(self.database, name)
                return str(client.create_experiment(name, artifact_location=place))
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Turn an error of MLflow's into one that says what to do."""
        try:
            yield
        except Exception as error:
            why = self.shown(str(error))
            raise RunError(
                f"MLflow can't be used at {self.shown_uri}: {why}. {self._remedy}"
            ) from error

    @property
    def _remedy(self) -> str:
        if self.database is None:
            return "Check [tracking] uri and MLFLOW_TRACKING_URI, and that the server runs."
        return (
            "Check that it is MLflow's database and can be written, or move it away: the next run "
            "makes a new one and enters the runs beside it."
        )

    def _connect(self) -> Any:
        if self.database is not None:
            self.database.parent.mkdir(parents=True, exist_ok=True)
            keep_journal(self.database)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        # It would write SQLAlchemy's tracebacks onto the terminal; what went wrong is told by us.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
        with self._locked():
            if self.database is None:
                return MlflowClient(self._server)
            if not self.database.exists():
                return self._create(self.database, MlflowClient)
            relocate(self.database)
            return MlflowClient(self.uri)

    def _create(self, database: Path, client: Callable[[str], Any]) -> Any:
        """Make a database: from a blank one where MLflow has made one before, else by MLflow."""
        is_copied = copy_blank(database)
        try:
            made = client(self.uri)
        except Exception:
            if is_copied:  # the next run makes one as ever
                drop_blank()
                database.unlink(missing_ok=True)
            raise
        if not is_copied:
            keep_blank(database)
        return made

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time make or migrate a database; MLflow itself would race."""
        if self.database is None:
            yield
            return
        with self.database.with_name(f".{self.database.name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def search(client: Any, experiments: list[str], query: str, page_size: int = 1000) -> Iterator[Any]:
    """Yield the runs of experiments that a query finds, newest first; read page by page."""
    token = None
    while True:
        page = client.search_runs(
            experiments,
            filter_string=query,
            order_by=["attributes.start_time DESC"],
            max_results=page_size,
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return
