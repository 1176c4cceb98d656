"""Snapshots on disk: how many, how often, and that a killed kernel goes on exactly."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time

import pytest

import nbexp
from nbexp.checkpoints import writer
from nbexp.checkpoints.store import SnapshotStore

torch = pytest.importorskip("torch")

TRAINING = """
import hashlib, random, sys, time
import numpy as np
import torch
import nbexp
from nbexp.checkpoints import writer
writer._SHARE = writer._MOST = 1e9  # at every iteration

torch.manual_seed(0), np.random.seed(0), random.seed(0)
torch.set_num_threads(1)
X = torch.randn(128, 20)
data = torch.utils.data.TensorDataset(X, (X.sum(1) > 0).long())
order = torch.Generator().manual_seed(5)
loader = torch.utils.data.DataLoader(
    data, batch_size=32, shuffle=True, num_workers=workers, generator=order
)
model = torch.nn.Sequential(
    torch.nn.Linear(20, 32), torch.nn.BatchNorm1d(32), torch.nn.Dropout(0.3), torch.nn.Linear(32, 2)
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.7)
losses = []
state = nbexp.checkpoint(
    model=model, optimizer=optimizer, schedule=schedule, order=order, losses=losses, best=9.0
)
for epoch in nbexp.loop("epoch", 12):
    for x, y in nbexp.loop("batch", loader):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    schedule.step()
    losses.append(loss.item() + random.random() + np.random.rand())
    state.best = min(state.best, losses[-1])
    nbexp.log("loss", loss)
    tell(epoch)
    time.sleep(0.02)
weights = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
out = hashlib.sha256(weights).hexdigest(), losses, state.best, optimizer.param_groups[0]["lr"]
open(result, "w").write(repr(out))
"""
# Lives of the training, in processes forked from one that has torch imported, for the time.
LIVES = """
import contextlib, os, random, signal, sys, time
import torch, torch.utils.data

source, workers, folder = open(sys.argv[1]).read(), int(sys.argv[2]), sys.argv[3]
chance = random.Random(workers)

def live(result, epochs=99):
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        tell = lambda epoch: os.write(there, b"e")
        names = {"tell": tell, "workers": workers, "result": result, "__name__": "__main__"}
        try:
            exec(source, names)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(there)
    while epochs and os.read(here, 1):
        epochs -= 1
    if not epochs:
        time.sleep(chance.uniform(0, 0.1))  # somewhere in the next epoch
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    os.close(here)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

assert live(folder + "/expected") == 0
os.environ["NBEXP_FOLDER"] = folder
ends = [live(folder + "/result", chance.randint(1, 2)) for _ in range(4)]
assert ends.count(-signal.SIGKILL) >= 3, ends
assert live(folder + "/result") == 0
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_that_is_killed_again_and_again_ends_the_same(kernel, tmp_path, workers):
    (tmp_path / "training.py").write_text(TRAINING)
    command = [sys.executable, "-c", LIVES, tmp_path / "training.py", str(workers), tmp_path]
    environment = {name: v for name, v in os.environ.items() if name != "NBEXP_FOLDER"}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "result").read_text() == (tmp_path / "expected").read_text()


def fill(kernel, *, size, steps, **options):
    def program(kernel):
        nbexp.checkpoint(weights=torch.zeros(size // 4))
        for _ in nbexp.loop("step", steps, **options):
            kernel.tick()

    kernel.live(program)


def test_old_snapshots_are_thinned_out(kernel, eager):
    fill(kernel, size=100_000, steps=40, keep_bytes=1_000_000)
    store = SnapshotStore(kernel.folder / "snapshots")
    assert sum(each.size for each in store.snapshots) <= 1_000_000
    indices = [each.places[0].index for each in store.snapshots]
    assert indices[-3:] == [38, 39, 40]
    assert indices[0] < 20  # some old ones are left
    gaps = [after - before for before, after in itertools.pairwise(indices)]
    assert max(gaps) in gaps[:3]


def test_what_a_resume_needs_is_never_thinned_out(kernel, eager):
    def program(kernel):
        nbexp.checkpoint(weights=torch.rand(1000))
        for fold in nbexp.loop("fold", 3, keep_bytes=1):
            nbexp.checkpoint(more=[fold])
            for _ in nbexp.loop("epoch", 4, keep_bytes=1):
                kernel.tick()

    kernel.live(program, events=7)
    assert {"fold-1", "epoch-2", "epoch-3"} <= set(kernel.snapshots())
    kernel.live(program, events=1)
    assert len(kernel.events) == 1


def work(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(100))


def test_snapshots_cost_a_small_share_of_the_loops_time(kernel):
    nbexp.checkpoint(weights=torch.zeros(2_000_000))
    began = time.monotonic()
    for _ in nbexp.loop("step", 300):
        work(0.01)
    took_s = time.monotonic() - began
    from nbexp.notebook import session

    checkpointer = session.current().checkpointer
    checkpointer.flush()
    assert checkpointer.budget.spent_s < took_s / 15


def test_the_budget_allows_more_where_much_would_be_lost(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(writer.time, "monotonic", lambda: clock[0])
    budget = writer.Budget()
    budget.took(1.0, 100)
    clock[0] = 10.0
    assert not budget.allows(100)
    clock[0] = 41.0
    assert budget.allows(100)
    assert not budget.allows(100, is_inner=True)
    assert not budget.allows(300)
    budget.took(1.0, 100)
    assert not budget.allows(100)
    clock[0] = 181.0
    assert budget.allows(100)


def test_a_snapshot_that_cannot_be_written_costs_only_itself(kernel, eager):
    (kernel.folder / "snapshots").write_text("in the way")
    with pytest.warns(UserWarning, match="a snapshot could not be written"):
        fill(kernel, size=100, steps=3)
    assert len(kernel.events) == 3


def test_snapshot_that_says_something_else_than_was_written_is_not_used(kernel, eager):
    def program(kernel):
        state = nbexp.checkpoint(total=0)
        for step in nbexp.loop("step", 5):
            kernel.tick()
            state.total += step
        return state.total

    kernel.live(program, events=4)
    for file in sorted(kernel.folder.glob("snapshots/*/snapshot.json"))[1:]:
        file.write_bytes(file.read_bytes().replace(b'"index": ', b'"index": 1'))
    assert kernel.live(program) == 10
    assert len(kernel.events) == 4  # from the first snapshot on


def test_damaged_snapshot_does_not_stand_in_the_way_of_new_ones(kernel, eager, recwarn):
    kernel.live(_count, events=3)
    for file in kernel.folder.glob("snapshots/*/snapshot.json"):
        file.unlink()
    kernel.live(_count)
    assert not recwarn.list
    assert kernel.snapshots()[-1] == "step-5-done"


def _count(kernel):
    state = nbexp.checkpoint(total=0)
    for _ in nbexp.loop("step", 5):
        kernel.tick()
        state.total += 1
