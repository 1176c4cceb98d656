"""What can be registered, and that it comes back exactly."""

from __future__ import annotations

import random
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest

import nbexp
from nbexp.errors import CheckpointError

torch = pytest.importorskip("torch")


def there_and_back(kernel, make, change):
    """Register an object, change it, die, start again; return it as it was and as it is then."""
    found = []

    def program(kernel):
        value = make()
        state = nbexp.checkpoint(it=value)
        for step in nbexp.loop("step", 2):
            if step == 0:
                change(value)
            kernel.tick()
            found.append((value, state))

    kernel.live(program, events=1)
    kernel.live(program)
    (first, _), (second, state) = found[0], found[-1]
    assert first is not second
    assert state.it is second
    return first, second


def shown(value):
    """Return what tells 1 from True and 0.0 from -0.0; a set has no order."""
    return sorted(map(repr, value)) if isinstance(value, set) else repr(value)


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (list, lambda it: it.extend([1, (2, 3), {"a": {4}}, 1e400, b"x", None])),
        (dict, lambda it: it.update({1: "a", (2, 3): [True], "$nbexp.set": 2.5})),
        (lambda: {"$nbexp.set": 0}, lambda it: it.update({"$nbexp.set": 1})),
        (OrderedDict, lambda it: it.update(b=1, a=2)),
        (Counter, lambda it: it.update("hello")),
        (lambda: defaultdict(int), lambda it: it.update(a=1)),
        (set, lambda it: it.update({"a", 1, frozenset({2})})),
        (lambda: deque(maxlen=2), lambda it: it.extend([1, 2, 3])),
        (lambda: [[]], lambda it: it[0].append(deque([Counter("ab")], maxlen=3))),
    ],
)
def test_plain_data_is_set_back_in_place(kernel, eager, make, change):
    first, second = there_and_back(kernel, make, change)
    assert shown(second) == shown(first)


@pytest.mark.parametrize(
    ("make", "draw"),
    [
        (lambda: torch.Generator().manual_seed(3), lambda it: torch.rand(3, generator=it).tolist()),
        (lambda: np.random.default_rng(3), lambda it: it.random(3).tolist()),
        (lambda: np.random.Generator(np.random.MT19937(3)), lambda it: it.random(3).tolist()),
        (lambda: np.random.RandomState(3), lambda it: it.randn(3).tolist()),
        (lambda: random.Random(3), lambda it: [it.gauss(0, 1) for _ in range(3)]),
    ],
)
def test_generators_go_on_where_they_were(kernel, eager, make, draw):
    first, second = there_and_back(kernel, make, draw)
    assert draw(second) == draw(first)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64, torch.int8, torch.complex64])
def test_tensors_come_back_bit_by_bit(kernel, eager, dtype):
    wide = (torch.randn(4, 6) * 9).to(dtype)
    first, second = there_and_back(
        kernel, lambda: torch.zeros(6, 4, dtype=dtype), lambda it: it.copy_(wide.T)
    )
    assert torch.equal(first, second)


def test_what_is_shared_is_shared_again(kernel, eager):
    def make():
        model = torch.nn.Linear(3, 3)
        return torch.nn.Sequential(model, torch.nn.BatchNorm1d(3), model)

    first, second = there_and_back(kernel, make, lambda it: it[0].weight.data.fill_(5))
    assert second[0].weight is second[2].weight
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


def test_optimizers_and_schedules_go_on(kernel, eager):
    class Both:
        """An object of the user's own with a state."""

        def __init__(self):
            self.weight = torch.nn.Parameter(torch.ones(2))
            self.optimizer = torch.optim.Adam([self.weight], lr=0.1)
            self.schedule = torch.optim.lr_scheduler.MultiStepLR(self.optimizer, [1, 2])

        def state_dict(self):
            parts = {"optimizer": self.optimizer, "schedule": self.schedule}
            return {"weight": self.weight, **{k: part.state_dict() for k, part in parts.items()}}

        def load_state_dict(self, state):
            self.weight.data.copy_(state["weight"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(state["schedule"])

        def step(self):
            self.optimizer.zero_grad()
            self.weight.square().sum().backward()
            self.optimizer.step()
            self.schedule.step()

    first, second = there_and_back(kernel, Both, Both.step)
    for each in (first, second):
        each.step()
    assert torch.equal(first.weight, second.weight)
    assert first.schedule.state_dict() == second.schedule.state_dict()


def test_values_that_cannot_change_are_kept_in_what_is_returned(kernel, eager):
    def program(kernel):
        state = nbexp.checkpoint(best=0, name=None, shape=(1,))
        for step in nbexp.loop("step", 2):
            if step == 0:
                state.best, state.name, state.shape = np.float32(0.5), "x", [2, 3]
            kernel.tick()
        return state.best, state.name, state.shape

    kernel.live(program, events=1)
    best, name, shape = kernel.live(program)
    assert (best, name, shape) == (0.5, "x", [2, 3])
    assert type(best) is np.float32


def test_names_can_be_registered_again(by_hand):
    nbexp.checkpoint(x=[1])
    state = nbexp.checkpoint(x=[2])
    assert state.x == [2]
    with pytest.raises(CheckpointError, match="'y' is not registered"):
        state.y = 1
    assert repr(state) == "State(x=[2])"


class Plain:
    """An object of the user's own without a state."""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Plain(), "x=….*Plain can't be kept"),
        ([1, [Plain()]], r"Plain at \[1\]\[0\]"),
        ([torch.nn.Linear(1, 1)], "each under a name of its own"),
        (random.SystemRandom(), "SystemRandom can't be kept"),
        (np.array([None]), "of object"),
        (torch.eye(2).to_sparse(), "Tensor"),
        (lambda: 0, "function can't be kept"),
    ],
)
def test_what_cannot_be_kept_is_named(by_hand, value, message):
    with pytest.raises(CheckpointError, match=message):
        nbexp.checkpoint(x=value)
    state = nbexp.checkpoint(x=None)
    with pytest.raises(CheckpointError, match=message):
        state.x = value


def test_objects_need_names(by_hand):
    for arguments in ((), ([1],)):
        with pytest.raises(CheckpointError, match="needs a name"):
            nbexp.checkpoint(*arguments)


def test_what_was_put_in_later_is_named_too(kernel, eager):
    def program(kernel):
        history = []
        nbexp.checkpoint(history=history)
        for _ in nbexp.loop("step", 4):
            kernel.tick()
            history.append(Plain())

    with pytest.raises(CheckpointError, match=r"history=….*by now"):
        kernel.live(program)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (lambda: torch.nn.Linear(2, 2), lambda: torch.nn.Linear(3, 2), "(?s)'it'.*size mismatch"),
        (lambda: torch.nn.Linear(2, 2), list, "a list here.*of a module"),
        (lambda: torch.zeros(2), lambda: torch.zeros(3), r"shape \(3,\).*shape \(2,\)"),
        (lambda: np.zeros(2), lambda: np.zeros(2, int), "int64.*float64"),
        (lambda: np.random.default_rng(1), lambda: random.Random(1), "'it'"),
    ],
)
def test_a_snapshot_that_does_not_fit_says_so(kernel, eager, before, after, message):
    def program(make):
        def run(kernel):
            nbexp.checkpoint(it=make())
            for _ in nbexp.loop("step", 3):
                kernel.tick()

        return run

    kernel.live(program(before), events=2)
    with pytest.raises(CheckpointError, match=message) as caught:
        kernel.live(program(after))
    assert "--fresh" in str(caught.value)
