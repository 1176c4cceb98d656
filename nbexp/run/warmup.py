"""Starts the warm parents of a run's first kernels, while Ray itself is still starting."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nbexp.pipeline import Pipeline, Stage
from nbexp.run.worker import kernel_environment, python_path

if TYPE_CHECKING:
    from nbexp.execute import HeldForkServer


class Warmup:
    """The warm parents that this process started, until it lets go of them.

    Args:
        pipeline: The pipeline.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._held: list[HeldForkServer] = []
        self._inherited = dict(os.environ)  # before Ray adds its own

    def begin(self, stages: Iterable[Stage]) -> None:
        """Start what the kernels of stages are forked from on this machine."""
        from nbexp.execute import hold_fork_server

        for stage in stages:
            template = stage.templates[0]
            if not stage.warm:
                continue
            environment = kernel_environment(
                self._inherited,
                {
                    **self._pipeline.environment.variables,
                    "PYTHONPATH": python_path(self._pipeline, stage, template),
                    "MLFLOW_DISABLE_TELEMETRY": "true",  # the tracker's, which imports read
                },
                str(max(1, int(stage.resources.cpu))),
            )
            secrets = self._pipeline.secrets
            parent = hold_fork_server(
                stage.kernel or template.kernel,
                {name: value for name, value in environment.items() if name not in secrets},
                template.imports,
            )
            if parent is not None:
                self._held.append(parent)

    def close(self) -> None:
        """Let go of them; those that nobody else needs end."""
        while self._held:
            self._held.pop().close()
