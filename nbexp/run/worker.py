"""A long-lived worker: a Ray actor that executes one notebook after another."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nbexp.decisions import Decision
from nbexp.execute import Job, MetricReport, NotebookExecutor
from nbexp.pipeline import TEMPLATE, VARIANT, Pipeline, Stage, Template
from nbexp.runs.outcome import Outcome

_RAYS_TOO = ("PYTHONBREAKPOINT", "SPT_NOENV")
LIGHT = str(Path(__file__).with_name("light"))


class Worker:
    """Executes notebooks in a process of Ray's; `stop` and `exchange` come from other threads.

    Args:
        environment: Ray's own variables in the driver's environment: those of the worker itself
            are kept from the kernels, since a notebook that uses Ray would take them for its own.
        threads: Number of threads for numerical libraries in the kernels.
    """

    def __init__(self, environment: Mapping[str, str], threads: str) -> None:
        self._threads = threads
        for name in [name for name in os.environ if _is_rays(name)]:
            del os.environ[name]
        os.environ.update(environment)
        path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(part for part in path if part not in ("", LIGHT))
        self._executor = NotebookExecutor()
        self._variant = ""
        self._is_settled = False

    def ready(self) -> int:
        """Return the worker's process id, once it is up."""
        return os.getpid()

    def execute(self, job: Job) -> Outcome:
        """Execute a notebook."""
        self._variant = job.variant
        # Ray blocks it in its workers; a kernel would inherit that, and never be interrupted.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        inherited = {k: v for k, v in os.environ.items() if k not in job.withheld}
        environment = kernel_environment(inherited, job.environment, self._threads)
        outcome = self._executor.execute(replace(job, environment=environment))
        if not self._is_settled:
            self._is_settled = True
            gc.freeze()  # all is imported: to look for garbage among it would take 0.1 s each time
        return outcome

    def exchange(self, answer: Decision | None) -> MetricReport:
        """Answer the last report of a notebook, if any, and wait for the next."""
        return self._executor.exchange(answer)

    def stop(self, variant: str) -> None:
        """End the running notebook, if it is this variant's and has begun."""
        if variant == self._variant:
            self._executor.stop()


def ray_environment() -> dict[str, str]:
    """Return Ray's variables in this process's environment, before Ray adds its own."""
    return {name: value for name, value in os.environ.items() if _is_rays(name)}


def kernel_environment(
    inherited: Mapping[str, str], own: Mapping[str, str], threads: str
) -> dict[str, str]:
    """Return the environment of a kernel.

    Args:
        inherited: That of its worker.
        own: What is added to it; its ``PYTHONPATH`` goes after the one inherited.
        threads: Number of threads for numerical libraries.
    """
    paths = (inherited.get("PYTHONPATH", ""), own.get("PYTHONPATH", ""))
    path = os.pathsep.join(part for part in paths if part)
    # Ray has set the number to one, for the calls of an actor.
    return {**inherited, "OMP_NUM_THREADS": threads, **own, "PYTHONPATH": path}


def python_path(pipeline: Pipeline, stage: Stage, template: Template) -> str:
    """Return the ``PYTHONPATH`` of a kernel: what it is to find, wherever it starts."""
    folders = [pipeline.folder]
    if stage.cwd not in (TEMPLATE, VARIANT):  # where the modules beside the template are as well
        folders.insert(0, template.path.parent)
    return os.pathsep.join(map(str, folders))


def _is_rays(name: str) -> bool:
    return name.startswith("RAY_") or name in _RAYS_TOO
