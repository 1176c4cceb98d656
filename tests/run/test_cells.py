"""Which cell runs: told while it does, for whoever wants to know whether a notebook is stuck."""

from __future__ import annotations

import os

import nbexp

WAIT = """\
# wait for the file
import os, time
while not os.path.exists("go"):
    time.sleep(0.05)
"""


def test_cell_that_takes_long_is_told(project, recorder, ray_cluster) -> None:
    project.template("train", "a = 1", WAIT, "b = 1", parameters="x = 0")
    project.pipeline(
        'name = "cells"\n[stages.train]\nnotebook = "templates/train.ipynb"\nparams = { x = 1 }\n'
    )

    class GoOn:
        def notify(self, event) -> None:
            if event.kind == "cell":
                (project.folder / "templates" / "go").touch()

    nbexp.Pipeline.from_toml(project.file).run(listeners=[recorder, GoOn()], progress=False)
    (cell,) = recorder.of("cell")
    told = {key: cell.data[key] for key in ("number", "count", "line")}
    assert told == {"number": 3, "count": 4, "line": "import os, time"}
    (started,) = recorder.of("variant_started")
    assert started.time - 1 < cell.data["began"] <= cell.time
    (variant,) = project.runs()[-1].glob("variants/*")
    assert not os.path.lexists(variant / "cell.json")
