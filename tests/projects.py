"""Small projects to read pipelines from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def notebook(*cells: str, parameters: str | None = None, **metadata: Any) -> dict[str, Any]:
    sources = [] if parameters is None else [(parameters, ["parameters"])]
    sources += [(cell, []) for cell in cells]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": metadata,
        "cells": [
            {"cell_type": "code", "id": f"c{i}", "metadata": {"tags": tags}, "source": source,
             "outputs": [], "execution_count": None}
            for i, (source, tags) in enumerate(sources)
        ],
    }  # fmt: skip


def write(path: Path, content: dict[str, Any] | str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def write_project(folder: Path) -> Path:
    """Write templates that can be linked: prepare → train → evaluate, and some odd ones."""
    templates = folder / "templates"
    write(
        templates / "prepare.ipynb",
        notebook("import nbexp\nnbexp.save('data', size)\nnbexp.glue('n', 1)", parameters="size=1"),
    )
    write(
        templates / "train.ipynb",
        notebook(
            "import nbexp\nnbexp.save('model', lr)\nnbexp.glue('accuracy', 0.5)",
            parameters="data = None\nlr = 0.1\nhidden = 8\noptimizer = {}",
        ),
    )
    write(
        templates / "learn.ipynb",
        notebook(
            "import nbexp\nfor i in range(3):\n    nbexp.log({'loss': 1, 'val_loss': 2}, step=i)",
            "nbexp.log('val_accuracy', 0.5, 3)\nnbexp.glue('accuracy', 0.5)",
            parameters="data = None\nlr = 0.1\nhidden = 8",
        ),
    )
    write(templates / "open.ipynb", notebook("import nbexp\nnbexp.glue(x, 1)", parameters="x='a'"))
    write(templates / "bare.ipynb", notebook("print(1)"))
    write(templates / "own.ipynb", notebook("import os", "lr = 0.1\nprint(lr)"))
    write(templates / "broken.ipynb", notebook("x = 1", "x = = 2"))
    write(templates / "text.ipynb", "no notebook")
    write(templates / "list.ipynb", "[1, 2]")
    write(templates / "cells.ipynb", '{"cells": [1]}')
    write(folder / "data.csv", "a,b\n1,2\n")
    return folder


GOOD = """
[stages.prepare]
notebook = "templates/prepare.ipynb"
[stages.train]
notebook = "templates/train.ipynb"
metric = "accuracy"
[stages.train.params]
data = "@prepare.data"
"""
