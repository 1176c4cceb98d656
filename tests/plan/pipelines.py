"""Pipelines and results without notebooks or kernels, for what is pure bookkeeping."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nbexp.pipeline import Pipeline, build_pipeline
from nbexp.plan import Graph, Node, Result, Took, code_of, identify
from nbexp.runs.outcome import Outcome
from nbexp.states import State

NAMES = "data, model, lr, hidden, options, others, x, y, z"


def write_template(folder: Path, name: str, body: str = "nbexp.glue(name(), 1)") -> Path:
    """Write a notebook that takes any of `NAMES`; what it glues can't be told by default."""
    cells = [
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": f"{NAMES} = [0] * 9"},
        {"cell_type": "code", "metadata": {}, "source": f"import nbexp\n{body}"},
    ]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
    )
    return path


def pipeline_of(folder: Path, stages: Mapping[str, Mapping[str, Any]], **more: Any) -> Pipeline:
    """Return a pipeline of stages that all have the template ``any.ipynb``."""
    if not (folder / "any.ipynb").exists():
        write_template(folder, "any.ipynb")
    tables = {name: {"notebook": "any.ipynb", **table} for name, table in stages.items()}
    return build_pipeline({"stages": tables, **more}, folder=folder)


def finish(graph: Graph, node: Node, **scraps: Any) -> None:
    """Let a ready variant finish."""
    identified = identify(graph, node)
    name = node.variant.name
    outcome = Outcome(name, identified.key, State.FINISHED, 0.0, 1.0, scraps=scraps)
    folder = graph.pipeline.folder / "variants" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "notebook.ipynb").write_text('{"cells": []}')
    result = Result(node.variant, identified.resolved, outcome, folder)
    graph.end(name, State.FINISHED, result)


def run_all(graph: Graph, scraps: Callable[[Node], Mapping[str, Any]]) -> list[Node]:
    """Let every variant finish in the order in which they get ready; return that order."""
    order = []
    ready = graph.take_ready()
    while ready:
        for node in ready:
            finish(graph, node, **scraps(node))
            order.append(node)
        ready = graph.take_ready()
    return order


def took_of(pipeline: Pipeline, stage: str, seconds: float, **params: Any) -> Took:
    """Return that a variant took so long, with the code that its stage has now."""
    template = pipeline.stages[stage].templates[0]
    return Took(seconds, params, code_of(template.code, dict(template.modules)))
