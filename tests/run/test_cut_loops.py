"""A loop that a scheduler ends at its `max_t` is not what the notebook gives without one."""

from __future__ import annotations

import nbexp
from nbexp import RunResult, State
from nbexp.files import read_json

TRAIN = """\
import nbexp
state = nbexp.checkpoint(steps=[])
for epoch in nbexp.loop("epoch", range(epochs)):
    state.steps.append(epoch)
    nbexp.log("acc", epoch / 10, step=epoch)
"""
PIPELINE = """
[stages.train]
notebook = "templates/train.ipynb"
metric = "acc"
params = { epochs = { grid = [3, 6] } }
"""
SCHEDULER = 'scheduler = { type = "asha", max_t = 3, grace_period = 3 }\n'


def ran(project, text: str) -> dict[int, nbexp.VariantResult]:
    project.pipeline(text)
    result: RunResult = nbexp.Pipeline.from_toml(project.file).run()
    return {each.params["epochs"]: each for each in result.variants}


def note_of(variant: nbexp.VariantResult) -> str:
    return read_json(variant.folder / "result.json")["note"]


def test_a_cut_loop_is_not_taken_for_a_full_one(project, ray_cluster):
    project.template("train", TRAIN, "nbexp.glue('steps', state.steps)", parameters="epochs = 1")
    short = PIPELINE.replace("params", f"{SCHEDULER}params")
    first = ran(project, short)
    assert {each.state for each in first.values()} == {State.FINISHED}
    assert first[6].scraps["steps"] == [0, 1, 2]
    assert "ended loop 'epoch' after 3 of 6 iterations" in note_of(first[6])

    again = ran(project, short)  # by the same rules it is the same
    assert {each.state for each in again.values()} == {State.CACHED}
    full = ran(project, PIPELINE)
    assert full[3].state is State.CACHED  # it came to its end
    assert full[6].state is State.FINISHED
    assert full[6].scraps["steps"] == [0, 1, 2, 3, 4, 5]
    assert not note_of(full[6])
