"""What a kernel is told before the first cell of a run: MLflow's runs belong to the variant.

MLflow behaves in a notebook as it does by hand; each run that the notebook begins, in whichever
way, only gets the variant's run as its parent, if it has none. Where the notebook chooses no
experiment, its runs are in the pipeline's, and a search that names none leaves out nbexp's own
runs. What MLflow is told has no secrets, and is told to `nbexp.notebook.tracked` too.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from pathlib import Path
from types import ModuleType
from typing import Any

from nbexp.masks import own_mask
from nbexp.observe.imports import ImportWatch
from nbexp.urls import split_login, sqlite_file

_FLUENT = "mlflow.tracking.fluent"
_PARENT_TAG = "mlflow.parentRunId"
_OWN_TAG = "nbexp.run"  # of nbexp's own runs
_CONTEXT = "MLFLOW_RUN_CONTEXT"  # tags of runs that other processes begin
_DRIVERS = "nbexp-mlflow"  # how the threads are called in which nbexp itself writes to MLflow


def install() -> None:
    """Arrange for what a notebook tells MLflow; outside of a run, do nothing.

    MLflow is not imported: it is patched once the notebook imports it, or now where a warm kernel
    has it imported already.
    """
    uninstall()
    own_mask()  # before the notebook changes its environment
    folder = os.environ.get("NBEXP_FOLDER")
    if not folder:
        return
    patch = _Patch(_Home.from_environment(), Path(folder))
    _installed.append(patch)
    module = sys.modules.get(_FLUENT)
    if module is not None and hasattr(module, "start_run"):
        patch.apply(module)
    else:
        patch.begin()


def uninstall() -> None:
    """Take back what `install` did."""
    while _installed:
        _installed.pop().remove()
    own_mask.cache_clear()


def end_open_runs() -> None:
    """End the runs that a notebook left open, as MLflow does where a kernel's process ends."""
    fluent = sys.modules.get(_FLUENT)
    while fluent is not None and fluent.active_run() is not None:
        fluent.end_run()


class _Home:
    """Where the variant is tracked.

    Attributes:
        run: MLflow's id of its run; empty where it has none.
        experiment: The id of its experiment.
    """

    def __init__(self, uri: str, run: str, experiment: str) -> None:
        self.run = run
        self.experiment = experiment
        self._uri = uri

    @classmethod
    def from_environment(cls) -> _Home:
        """Read the environment, and leave in it what a notebook's own processes may know.

        MLflow would resume the variant's run, and take its experiment for the notebook's choice.
        """
        environment = os.environ
        run = environment.get("NBEXP_MLFLOW_RUN_ID", "")
        experiment = environment.get("NBEXP_MLFLOW_EXPERIMENT_ID", "")
        for name, own in (("MLFLOW_RUN_ID", run), ("MLFLOW_EXPERIMENT_ID", experiment)):
            if own and environment.get(name) == own:
                del environment[name]
        if run:
            context = json.loads(environment.get(_CONTEXT) or "{}")
            environment[_CONTEXT] = json.dumps({**context, _PARENT_TAG: run})
        return cls(environment.get("MLFLOW_TRACKING_URI", ""), run, experiment)

    def is_at(self, uri: str) -> bool:
        """Whether the variant is tracked at an address, however that is written."""
        return bool(self.run) and (uri == self._uri or _server(uri) == _server(self._uri))

    def parented(self, uri: str, tags: dict[str, Any] | None) -> dict[str, Any]:
        """Return the tags of a run that the notebook begins somewhere."""
        tags = dict(tags or {})
        if self.is_at(uri):
            return {_PARENT_TAG: self.run, **tags}
        return {key: value for key, value in tags.items() if (key, value) != self._own_tag}

    @property
    def _own_tag(self) -> tuple[str, str]:
        return _PARENT_TAG, self.run


def _server(uri: str) -> str:
    file = sqlite_file(uri)
    return str(file.resolve()) if file else split_login(uri)[0].rstrip("/")


class _Patch(ImportWatch):
    """Waits for MLflow's import, and holds what was replaced."""

    def __init__(self, home: _Home, folder: Path) -> None:
        super().__init__((_FLUENT,))
        self._home = home
        self._folder = folder
        self._replaced: list[tuple[Any, str, Any]] = []

    def apply(self, fluent: ModuleType) -> None:
        """Replace what MLflow calls to begin, log into and search runs."""
        self.stop()
        try:
            self._apply(fluent)
        except (ImportError, AttributeError) as error:  # the notebook goes on with MLflow as it is
            self.remove()
            message = (
                f"nbexp does not know this version of MLflow ({error}): what the notebook logs is "
                "not brought together with its variant. Install a version that nbexp allows."
            )
            warnings.warn(message, stacklevel=2)

    def _apply(self, fluent: ModuleType) -> None:
        from mlflow.tracking.client import MlflowClient
        from mlflow.tracking.default_experiment import registry

        from nbexp.notebook.tracked import TrackedRuns

        search = _Search(self._home)
        runs = TrackedRuns(self._folder, self._home.run)
        make = {
            "create_run": lambda own: _beginning(own, self._home, runs),
            "log_metric": lambda own: _logging_one(own, runs),
            "log_param": lambda own: _logging_param(own, runs),
            "log_batch": lambda own: _logging_many(own, runs),
            "search_runs": search.of_client,
        }
        for name, wrapper in make.items():
            self._replace(MlflowClient, name, wrapper(getattr(MlflowClient, name)))
        self._mask(MlflowClient, fluent)
        experiment = _default_experiment(registry.get_experiment_id, self._home)
        self._replace(registry, "get_experiment_id", experiment)
        self._replace_everywhere("search_runs", fluent, search.of_notebook)

    def _mask(self, client: type, fluent: ModuleType) -> None:
        """Have what the notebook writes go through the mask, before all else."""
        from mlflow.tracing.client import TracingClient

        from nbexp.notebook import masking

        if not (mask := own_mask()):
            return
        masked = partial(masking.masked, mask=mask)
        for owner in (client, TracingClient):
            for name in masking.writing(owner):
                self._replace(owner, name, masked(getattr(owner, name)))
        if hasattr(client, masking.WRITES_FILE):
            helper = getattr(client, masking.WRITES_FILE)
            self._replace(client, masking.WRITES_FILE, masking.masked_file(helper, mask))
        for name in masking.OF_MODULE:
            self._replace_everywhere(name, fluent, masked)

    def remove(self) -> None:
        """Put the originals back."""
        self.stop()
        while self._replaced:
            setattr(*self._replaced.pop())

    def _replace(self, owner: Any, name: str, new: Any) -> None:
        old = getattr(owner, name)
        self._replaced.append((owner, name, old))
        setattr(owner, name, _for_notebook(new, old))

    def _replace_everywhere(
        self, name: str, home: ModuleType, wrapper: Callable[[Any], Any]
    ) -> None:
        """Replace a function in all modules of MLflow's that have imported it."""
        old = getattr(home, name)
        new = wrapper(old)
        for module_name, module in list(sys.modules.items()):
            is_mlflow = module_name.partition(".")[0] == "mlflow"
            if is_mlflow and vars(module).get(name) is old:
                self._replace(module, name, new)


_installed: list[_Patch] = []


def _for_notebook(new: Any, old: Any) -> Any:
    """Return what calls the new function, but the old one where nbexp itself calls.

    It does so where notebooks run in its own process.
    """

    @wraps(old)
    def call(*args: Any, **kwargs: Any) -> Any:
        is_ours = threading.current_thread().name.startswith(_DRIVERS)
        return (old if is_ours else new)(*args, **kwargs)

    return call


def _beginning(original: Any, home: _Home, runs: Any) -> Any:
    """Return a `MlflowClient.create_run` whose runs have the variant's as their parent."""

    @wraps(original)
    def create_run(client: Any, *args: Any, **kwargs: Any) -> Any:
        given = _bound(original, client, *args, **kwargs)
        given["tags"] = home.parented(client.tracking_uri, given.get("tags"))
        runs.beginning()
        run = original(**given)
        runs.began(run.info.run_id)
        return run

    return create_run


def _logging_one(original: Any, runs: Any) -> Any:
    """Return a `MlflowClient.log_metric` that is heard."""
    from nbexp.notebook.tracked import TrackedValue, now_s

    @wraps(original)
    def log_metric(client: Any, *args: Any, **kwargs: Any) -> Any:
        given = _bound(original, client, *args, **kwargs)
        result = original(**given)
        step, at_s = given.get("step") or 0, now_s(given.get("timestamp"))
        runs.logged(given["run_id"], [TrackedValue(given["key"], given["value"], step, at_s)])
        return result

    return log_metric


def _logging_param(original: Any, runs: Any) -> Any:
    """Return a `MlflowClient.log_param` that is heard."""

    @wraps(original)
    def log_param(client: Any, *args: Any, **kwargs: Any) -> Any:
        given = _bound(original, client, *args, **kwargs)
        result = original(**given)
        runs.params(given["run_id"], {given["key"]: given["value"]})
        return result

    return log_param


def _logging_many(original: Any, runs: Any) -> Any:
    """Return a `MlflowClient.log_batch` that is heard."""
    from nbexp.notebook.tracked import TrackedValue, now_s

    @wraps(original)
    def log_batch(client: Any, *args: Any, **kwargs: Any) -> Any:
        given = _bound(original, client, *args, **kwargs)
        given |= {name: list(given.get(name) or ()) for name in ("metrics", "params")}
        result = original(**given)
        points = [
            TrackedValue(m.key, m.value, m.step or 0, now_s(m.timestamp)) for m in given["metrics"]
        ]
        runs.logged(given["run_id"], points)
        runs.params(given["run_id"], {param.key: param.value for param in given["params"]})
        return result

    return log_batch


def _bound(function: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a call by their names."""
    import inspect

    return inspect.signature(function).bind(*args, **kwargs).arguments


def _default_experiment(original: Any, home: _Home) -> Any:
    """Return what MLflow asks for an experiment where the notebook has chosen none."""

    @wraps(original)
    def get_experiment_id() -> Any:
        from mlflow.tracking import get_tracking_uri

        is_home = home.experiment and home.is_at(get_tracking_uri())
        return home.experiment if is_home else original()

    return get_experiment_id


class _Search:
    """Leaves nbexp's own runs out of what `mlflow.search_runs` finds where it names no place."""

    def __init__(self, home: _Home) -> None:
        self._home = home
        self._local = threading.local()

    def of_notebook(self, original: Any) -> Any:
        """Return a `mlflow.search_runs`."""

        @wraps(original)
        def search_runs(*args: Any, **kwargs: Any) -> Any:
            given = _bound(original, *args, **kwargs)
            places = ("experiment_ids", "experiment_names", "search_all_experiments")
            with self._leaving_out(not any(given.get(place) for place in places)):
                return original(**given)

        return search_runs

    def of_client(self, original: Any) -> Any:
        """Return a `MlflowClient.search_runs`, by which the other reads page by page."""

        @wraps(original)
        def search_runs(client: Any, *args: Any, **kwargs: Any) -> Any:
            page = original(client, *args, **kwargs)
            if not getattr(self._local, "leaves_out", False):
                return page
            return type(page)([r for r in page if _OWN_TAG not in r.data.tags], page.token)

        return search_runs

    @contextmanager
    def _leaving_out(self, leaves_out: bool) -> Iterator[None]:
        self._local.leaves_out = leaves_out
        try:
            yield
        finally:
            self._local.leaves_out = False
