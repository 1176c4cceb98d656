"""Training that is killed again and again ends with the very numbers of one that never was."""

import os
import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from nbexp import RunResult, State
from nbexp.metrics import read_metrics
from nbexp.runs.control import request_stop
from nbexp.runs.folder import RunFolder

EPOCHS = 20
KILLS = int(os.environ.get("NBEXP_TEST_KILLS", "3"))
KILLS_EACH = 5

TRAIN = """\
import hashlib, os, time
import torch
import nbexp

torch.manual_seed(seed)
inputs = torch.randn(256, 8)
targets = inputs.sum(1, keepdim=True) + 0.1 * torch.randn(256, 1)
data = torch.utils.data.TensorDataset(inputs, targets)
loader = torch.utils.data.DataLoader(data, batch_size=32, shuffle=True)
model = torch.nn.Sequential(
    torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(32, 1)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.5)
print("kernel", os.getpid())
"""
LOOP = f"""\
state = nbexp.checkpoint(model=model, optimizer=optimizer, schedule=schedule, losses=[])
for epoch in nbexp.loop("epoch", range({EPOCHS})):
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    schedule.step()
    state.losses.append(total)
    time.sleep(0.2)
    nbexp.log("loss", total, step=epoch)
    with open(os.environ["EPOCHS"], "a") as file:
        file.write(f"{{seed}} {{epoch}}\\n")
"""
END = """\
weights = b"".join(p.detach().numpy().tobytes() for p in model.parameters())
nbexp.glue("weights", hashlib.sha256(weights).hexdigest())
nbexp.glue("losses", state.losses)
nbexp.glue("last", [epoch, total])
"""


class Training:
    """A project that trains one model for each seed."""

    def __init__(self, project) -> None:
        self.project = project
        self.epochs = project.folder / "epochs.txt"
        project.template("train", TRAIN, LOOP, END, parameters="seed = 0")

    def start(self, seed: int):
        self.project.pipeline(
            'name = "resume"\n[stages.train]\nnotebook = "templates/train.ipynb"\n'
            f'metric = "loss"\nmode = "min"\nretries = 50\nparams = {{ seed = {seed} }}\n'
        )
        return self.project.start(environment={"EPOCHS": str(self.epochs)})

    def trained(self) -> int:
        return len(self.epochs.read_text().split("\n")) - 1 if self.epochs.exists() else 0

    def begun(self, seed: int) -> int:
        """Return how often a training began at its first epoch."""
        return self.epochs.read_text().split("\n").count(f"{seed} 0")

    def saved(self) -> set[str]:
        """Return the names of the variants that have a snapshot to go on from."""
        found = self.project.folder.glob("runs/*/variants/*/snapshots/0*")
        return {path.parents[1].name for path in found}

    def result(self):
        (variant,) = RunResult.read(self.project.runs()[-1]).variants
        return variant

    def kernel(self) -> int | None:
        """Return the process id of the last kernel."""
        logs = sorted(self.project.folder.glob("runs/*/variants/*/log.txt"), key=os.path.getmtime)
        lines = logs[-1].read_text().splitlines() if logs else []
        pids = [int(line.split()[1]) for line in lines if line.startswith("kernel ")]
        return pids[-1] if pids else None


def await_that(condition: Callable[[], object], process) -> bool:
    """Wait until something holds; return whether it does before the process has ended."""
    while process.poll() is None:
        if condition():
            return True
        time.sleep(0.02)
    return False


def victims(training: Training, driver) -> dict[str, psutil.Process]:
    """Return the processes that may be killed."""
    found = {"driver": psutil.Process(driver.pid)}
    kernel = training.kernel()
    if kernel is not None and psutil.pid_exists(kernel):
        found["kernel"] = psutil.Process(kernel)
        found["worker"] = found["kernel"].parent() or found["kernel"]
    return found


@pytest.fixture(scope="module")
def undisturbed(module_project) -> Callable[[int], dict]:
    training = Training(module_project)

    def scraps(seed: int) -> dict:
        assert training.start(seed).wait(240) == 0
        return dict(training.result().scraps)

    return scraps


@pytest.mark.timeout(1200)
def test_killed_training_ends_with_the_same_weights(project, undisturbed):
    rng = random.Random(7)
    training = Training(project)
    killed: dict[str, int] = {}
    for seed in range(-(-KILLS // KILLS_EACH)):
        others, left = training.saved(), min(KILLS_EACH, KILLS - seed * KILLS_EACH)
        came_to, driver = training.trained(), training.start(seed)
        kinds = rng.sample(["driver", "kernel", "worker"], 3)
        while left:
            alive = await_that(
                lambda n=came_to, o=others: training.trained() > n and training.saved() - o, driver
            )
            assert alive, "it finished too early to be killed as often"
            time.sleep(rng.uniform(0.0, 0.6))
            found = victims(training, driver)
            # A run bears the loss of two workers, no more: one in each training.
            kind = kinds[left % len(kinds)]
            found[kind].kill()
            killed[kind] = killed.get(kind, 0) + 1
            came_to, left = training.trained(), left - 1
            if kind == "driver":
                driver.wait()
                driver = training.start(seed)
        assert driver.wait(240) == 0, (project.folder / "out.txt").read_text()[-3000:]
        assert training.result().state is State.FINISHED
        assert dict(training.result().scraps) == undisturbed(seed)
        assert training.begun(seed) == 1  # it went on each time
    assert len(killed) == 3
    assert sum(killed.values()) == KILLS
    assert_every_metric_is_in_mlflow(project.folder)


def assert_every_metric_is_in_mlflow(folder: Path) -> None:
    database = sqlite3.connect(folder / "mlflow.db")
    query = (
        "select f.value, m.step from metrics m "
        "join tags f on f.run_uuid = m.run_uuid and f.key = 'nbexp.folder' where m.key = 'loss'"
    )
    known = set(database.execute(query))
    for path in folder.glob("runs/*/variants/*/metrics.jsonl"):
        entries = read_metrics(path)
        assert entries
        for entry in entries:
            assert (str(path.parent), entry.step) in known


@pytest.mark.timeout(1200)
def test_stopped_and_timed_out_training_goes_on(project, undisturbed):
    training = Training(project)
    first = training.start(100)
    assert await_that(lambda: training.trained() >= 4 and training.saved(), first)
    (run,) = project.runs()
    request_stop(RunFolder(run))
    assert first.wait(240) == 1
    assert training.result().state is State.STOPPED
    came_to = training.trained()
    text = project.file.read_text()
    project.pipeline(text.replace("retries = 50", 'timeout = "2.5s"'))
    second = project.start(environment={"EPOCHS": str(training.epochs)})
    assert second.wait(240) == 1
    assert training.result().state is State.TIMED_OUT
    assert training.start(100).wait(240) == 0
    assert dict(training.result().scraps) == undisturbed(100)
    assert training.begun(100) == 1  # it went on each time
    assert came_to < EPOCHS
