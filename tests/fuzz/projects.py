"""A project whose pipeline has a bit of everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zlib import crc32

PIPELINE = """\
name = "digits"
seed = 7

[defaults]
timeout = "1 h"
retries = 1

[environment]
packages = ["click>=8"]
variables = { MODE = "fast" }

[stages.prepare]
notebook = "templates/prepare.ipynb"
params = { size = { grid = [1, 2] }, note = "${HOME}" }

[stages.train]
notebook = "templates/train.ipynb"
metric = "val_accuracy"
mode = "max"
params = { data = "@prepare.data", lr = { loguniform = [1e-4, 1e-1] }, hidden = { choice = [8, 16] } }
search = { algorithm = "random", samples = 3 }
scheduler = { algorithm = "asha", max_t = 9 }
reduce = { keep = 1 }

[stages.evaluate]
notebook = ["templates/evaluate.ipynb"]
resources = { cpu = 1 }
variants = [{ params = { top = 1 } }, { params = { top = 3 } }]
params = { model = "@train.model", score = "@train.accuracy" }
"""  # noqa: E501 - one line, as tables in a line have it
SETTINGS = (
    "prepare.size=3", "train.lr={uniform=[0, 1]}", "train.hidden={grid=[1, 2]}", "seed=3",
    "train.data='@prepare.data'", "evaluate.top=[1, {a = 2}]", "prepare.note='''x'''",
)  # fmt: skip


def cell(source: str, *tags: str, outputs: tuple[Any, ...] = ()) -> dict[str, Any]:
    """Return a code cell."""
    return {
        "cell_type": "code",
        "id": f"c{crc32(source.encode(errors='replace'))}",
        "source": source,
        "metadata": {"tags": list(tags)},
        "outputs": list(outputs),
        "execution_count": 1,
    }


def notebook(*cells: Any) -> dict[str, Any]:
    """Return a notebook."""
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": spec, "language_info": {"name": "python"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


def write_project(folder: Path) -> Path:
    """Write the project into a folder; return its pipeline."""
    templates = folder / "templates"
    templates.mkdir()
    for name, sources in {
        "prepare": ("size = 1\nnote = ''", "import nbexp\nnbexp.save('data', size)"),
        "train": (
            "data = None\nlr = 0.1\nhidden = 8",
            "import nbexp\nfor i in range(3):\n    nbexp.log('val_accuracy', 0.5, i)",
            "nbexp.save('model', lr)\nnbexp.glue('accuracy', 0.5)",
        ),
        "evaluate": ("model = None\nscore = 0.0\ntop = 1", "print(model)"),
    }.items():
        cells = [cell(sources[0], "parameters"), *map(cell, sources[1:])]
        (templates / f"{name}.ipynb").write_text(json.dumps(notebook(*cells)))
    file = folder / "pipeline.toml"
    file.write_text(PIPELINE)
    return file
