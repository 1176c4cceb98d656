"""What a kernel is told before the first cell of a run: MLflow logs into the variant's run.

By itself MLflow resumes the run in ``MLFLOW_RUN_ID`` once and then forgets it, so that what
autologging and a notebook's own calls log ends up in several runs. Here `mlflow.start_run` is
replaced, as soon as the notebook imports MLflow, by one with these rules:

- Called from inside MLflow (logging without an active run, autologging), it resumes the variant's
  run, however often.
- The notebook's first own call resumes it too; later ones start new runs, as plain MLflow does,
  with the variant's run as their parent.
- A call that names a run or a parent, or after the notebook turned to another tracking server, is
  MLflow's own.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_FLUENT = "mlflow.tracking.fluent"
_NAME_TAG = "nbexp.run_name"


def install() -> None:
    """Arrange for MLflow to log into the run in ``NBEXP_MLFLOW_RUN_ID``; without one, do nothing.

    MLflow is not imported: it is patched once the notebook imports it, or now where a warm kernel
    has it imported already.
    """
    run_id = os.environ.get("NBEXP_MLFLOW_RUN_ID")
    uninstall()
    if not run_id:
        return
    patch = _Patch(run_id, os.environ.get("MLFLOW_TRACKING_URI", ""))
    _installed.append(patch)
    module = sys.modules.get(_FLUENT)
    if module is not None and hasattr(module, "start_run"):
        patch.apply(module)
    else:
        sys.meta_path.insert(0, patch)


def uninstall() -> None:
    """Take back what `install` did."""
    while _installed:
        _installed.pop().remove()


class _Patch:
    """Waits for MLflow's import as a finder of modules, and holds what was replaced."""

    def __init__(self, run_id: str, uri: str) -> None:
        self._run_id = run_id
        self._uri = uri
        self._original: Callable[..., Any] | None = None

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return MLflow's spec, found by the other finders, with a loader that patches after."""
        if name != _FLUENT:
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            self._patch_after(spec.loader)
        return spec

    def _patch_after(self, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self.apply(module)

        loader.exec_module = exec_module  # of this one module's own loader

    def apply(self, fluent: ModuleType) -> None:
        """Replace `start_run` wherever MLflow has it."""
        self._stop_waiting()
        self._original = fluent.start_run
        self._replace(self._original, _routed(self._original, fluent, self._run_id, self._uri))

    def remove(self) -> None:
        """Put the original back."""
        self._stop_waiting()
        fluent = sys.modules.get(_FLUENT)
        if self._original is not None and fluent is not None:
            self._replace(fluent.start_run, self._original)

    def _replace(self, old: Any, new: Any) -> None:
        for name, module in list(sys.modules.items()):
            if _is_mlflow(name) and vars(module).get("start_run") is old:
                module.start_run = new  # type: ignore[attr-defined]

    def _stop_waiting(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)


_installed: list[_Patch] = []


def _is_mlflow(module: str) -> bool:
    return module == "mlflow" or module.startswith("mlflow.")


def _routed(
    original: Callable[..., Any], fluent: Any, variant_run: str, uri: str
) -> Callable[..., Any]:
    """Return a `start_run` that keeps to the variant's run."""
    router = _Router(original, fluent, variant_run)

    @wraps(original)
    def start_run(*args: Any, **kwargs: Any) -> Any:
        import inspect

        import mlflow

        caller = sys._getframe(1).f_globals.get("__name__", "")
        # Only ours: what it names is passed on explicitly, so that MLflow resumes nothing itself.
        os.environ.pop("MLFLOW_RUN_ID", None)
        if uri and mlflow.get_tracking_uri() != uri:
            return original(*args, **kwargs)
        given = inspect.signature(original).bind(*args, **kwargs).arguments
        if given.get("run_id") or given.get("parent_run_id"):
            return original(**given)
        if _is_mlflow(caller):
            return router.from_mlflow(given)
        return router.from_notebook(given)

    return start_run


class _Router:
    def __init__(self, original: Callable[..., Any], fluent: Any, variant_run: str) -> None:
        self._start = original
        self._fluent = fluent
        self._variant_run = variant_run
        self._lock = threading.RLock()
        self._was_asked = False  # whether the notebook itself has started a run

    def from_mlflow(self, given: dict[str, Any]) -> Any:
        """Start a run for MLflow itself."""
        if self._active() or given.get("nested"):
            return self._new(given)
        run = self._resume(given)
        run.nbexp_is_implicit = True
        return run

    def from_notebook(self, given: dict[str, Any]) -> Any:
        """Start a run that the notebook asked for."""
        is_first = not self._was_asked and not given.get("nested")
        active = self._active()
        is_implicit = len(active) == 1 and getattr(active[0], "nbexp_is_implicit", False)
        if is_first and (not active or is_implicit):
            active.clear()  # it is resumed at once
            run = self._resume(given)
        else:
            run = self._new(given | {"nested": True} if is_implicit else given)
        self._was_asked = True
        return run

    def _active(self) -> list[Any]:
        active: list[Any] = self._fluent._active_run_stack.get()
        return active

    def _new(self, given: dict[str, Any]) -> Any:
        parent = {} if self._active() else {"parent_run_id": self._variant_run}
        return self._start(**given, **parent)

    def _resume(self, given: dict[str, Any]) -> Any:
        # The variant keeps its name, by which everything else knows it.
        name = given.get("run_name")
        tags = {**(given.get("tags") or {}), **({_NAME_TAG: name} if name else {})}
        kept = {key: given[key] for key in given.keys() - {"run_id", "run_name", "experiment_id"}}
        with self._any_experiment():
            return self._start(**{**kept, "run_id": self._variant_run, "tags": tags or None})

    @contextmanager
    def _any_experiment(self) -> Iterator[None]:
        """Let a run be resumed although the notebook set another experiment, which MLflow bars."""
        with self._lock:
            chosen = self._fluent._active_experiment_id
            self._fluent._active_experiment_id = None
            try:
                yield
            finally:
                self._fluent._active_experiment_id = chosen
