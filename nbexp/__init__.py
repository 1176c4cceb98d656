"""nbexp: experiments in notebooks.

In a notebook: `glue`, `save` and `load`; `log`, `loop` and `checkpoint`; `curves` and
`importance`. Around notebooks: `Pipeline` with `Stage`, links such as ``"@train.model"``, and
search spaces: `grid`, `uniform`, `loguniform`, `choice` and the others.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbexp.api import Pipeline, Stage
    from nbexp.errors import NbexpError, PipelineError
    from nbexp.notebook import checkpoint, curves, glue, importance, load, log, loop, save
    from nbexp.pipeline.code import (
        choice,
        grid,
        lograndint,
        loguniform,
        normal,
        qlograndint,
        qloguniform,
        qnormal,
        qrandint,
        quniform,
        randint,
        secret,
        uniform,
    )
    from nbexp.runs.results import RunResult, VariantResult
    from nbexp.runs.run import Runs
    from nbexp.states import State

__version__ = "0.1.0"

# Imported on first use, so that a notebook that only glues starts at once.
_HOMES = {
    "nbexp.api": ("Pipeline", "Stage"),
    "nbexp.errors": ("NbexpError", "PipelineError"),
    "nbexp.notebook": (
        "checkpoint", "curves", "glue", "importance", "load", "log", "loop", "save",
    ),
    "nbexp.pipeline.code": (
        "choice", "grid", "lograndint", "loguniform", "normal", "qlograndint", "qloguniform",
        "qnormal", "qrandint", "quniform", "randint", "secret", "uniform",
    ),
    "nbexp.runs.results": ("RunResult", "VariantResult"),
    "nbexp.runs.run": ("Runs",),
    "nbexp.states": ("State",),
}  # fmt: skip

__all__ = [
    "NbexpError",
    "Pipeline",
    "PipelineError",
    "RunResult",
    "Runs",
    "Stage",
    "State",
    "VariantResult",
    "checkpoint",
    "choice",
    "curves",
    "glue",
    "grid",
    "importance",
    "load",
    "log",
    "lograndint",
    "loguniform",
    "loop",
    "normal",
    "qlograndint",
    "qloguniform",
    "qnormal",
    "qrandint",
    "quniform",
    "randint",
    "save",
    "secret",
    "uniform",
]


def __getattr__(name: str) -> Any:
    import importlib

    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module 'nbexp' has no attribute {name!r}")
