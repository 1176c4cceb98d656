"""The loop: what it yields, where it resumes, when it pauses."""

from __future__ import annotations

import random
import shutil
import threading

import numpy as np
import pytest

import nbexp
from nbexp.errors import CheckpointError
from nbexp.notebook import session
from nbexp.notebook.interrupts import Paused

# Programs: notebooks in small. Each draws at random, and returns all that it computed.


def simple(kernel):
    random.seed(1)
    seen = []
    state = nbexp.checkpoint(seen=seen, best=0.0)
    for step in nbexp.loop("step", 4):
        value = random.random()
        seen.append((step, value))
        state.best = max(state.best, value)
        kernel.tick(step)
    return seen, state.best, value, random.random()


def nested(kernel):
    random.seed(1)
    scores = []
    nbexp.checkpoint(scores=scores)
    for fold in nbexp.loop("fold", 3):
        model = np.array([random.random(), fold])
        nbexp.checkpoint(model=model)
        for _epoch in nbexp.loop("epoch", 3):
            for batch in nbexp.loop("batch", [1, 2]):
                model += batch * random.random()
                kernel.tick()
        scores.append(model.sum())
        kernel.tick()
    return scores, model.tolist(), random.random()


def outer_keeps_nothing(kernel):
    random.seed(1)
    scores = []  # not registered: each fold's last epoch runs again
    for _fold in nbexp.loop("fold", 3):
        model = [random.random()]
        nbexp.checkpoint(model=model)
        for _epoch in nbexp.loop("epoch", 3):
            model[0] += random.random()
            kernel.tick()
        scores.append(model[0])
    return scores, random.random()


def siblings(kernel):
    random.seed(1)
    weights = {"a": 0.0}
    nbexp.checkpoint(weights=weights)
    for _ in nbexp.loop("first", 3):
        loss = weights["a"] = weights["a"] + random.random()
        kernel.tick()
    between = loss + random.random()
    for _ in nbexp.loop("second", 3):
        last = weights["a"] = weights["a"] * between + random.random()
        kernel.tick()
    return weights, between, last


def stages_of_one_model(kernel):
    random.seed(1)
    model = [1.0]
    nbexp.checkpoint(model=model)
    for _stage in nbexp.loop("stage", 3):
        teacher = list(model)  # not registered: must be the model at the start of the stage
        nbexp.checkpoint(rate=[0.1])
        for _epoch in nbexp.loop("epoch", 2):
            model[0] = model[0] * random.random() + teacher[0]
            kernel.tick()
    return model, teacher


def early_stopping(kernel):
    random.seed(1)
    seen = []
    nbexp.checkpoint(seen=seen)
    for _ in nbexp.loop("epoch", 100):
        seen.append(random.random())
        kernel.tick()
        if len(seen) == 4:
            break
    for _ in nbexp.loop("after", 2):
        seen.append(random.random())
        kernel.tick()
    return seen, random.random()


def shuffled_generator(kernel):
    random.seed(1)

    def shuffled():
        items = list(range(5))
        random.shuffle(items)
        for item in items:
            yield item, random.random()

    seen = []
    nbexp.checkpoint(seen=seen)
    for item in nbexp.loop("item", shuffled()):
        seen.append((item, random.random()))
        kernel.tick()
    return seen, random.random()


def own_generator(kernel):
    source = np.random.default_rng(3)
    seen = []
    nbexp.checkpoint(source=source, seen=seen)
    for item in nbexp.loop("item", (float(source.random()) for _ in range(5))):
        seen.append((item, float(source.random())))
        kernel.tick()
    return seen, float(source.random())


PROGRAMS = [simple, nested, outer_keeps_nothing, siblings, stages_of_one_model, early_stopping,
            shuffled_generator, own_generator]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_whenever_it_dies_the_result_is_that_of_an_undisturbed_run(kernel, eager, program):
    expected = kernel.live(program)
    count = len(kernel.events)
    for died_after in range(1, count, 2):
        clear(kernel)
        assert kernel.live(program, events=died_after) is None
        assert kernel.live(program) == expected, died_after


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_may_die_again_and_again(kernel, eager, program):
    expected = kernel.live(program)
    clear(kernel)
    lives = (kernel.live(program, events=events) for events in range(1, 100))
    assert next(result for result in lives if result is not None) == expected


def clear(kernel) -> None:
    shutil.rmtree(kernel.folder / "snapshots", ignore_errors=True)


def test_only_what_comes_after_the_newest_snapshot_is_run_again(kernel, eager):
    kernel.live(simple, events=3)
    assert kernel.snapshots() == ["step-1", "step-2", "step-3"]
    kernel.live(simple)
    assert kernel.events == [3]
    assert kernel.snapshots()[-1] == "step-4-done"


def test_loops_over_batches_take_no_snapshots(kernel, eager):
    kernel.live(nested)
    names = {name.split("-")[0] for name in kernel.snapshots()}
    assert names == {"fold", "epoch"}


def test_snapshots_are_taken_after_a_break_but_not_after_an_error(kernel, eager):
    def left(error):
        def program(kernel):
            nbexp.checkpoint(x=[1])
            for n in nbexp.loop("step", 5):
                kernel.tick()
                if n == 2:
                    if error:
                        raise ValueError("mine")
                    break

        return program

    kernel.live(left(False))
    assert kernel.snapshots()[-1].endswith("done")
    clear(kernel)
    with pytest.raises(ValueError, match="mine"):
        kernel.live(left(True))
    assert not kernel.snapshots()[-1].endswith("done")


def test_a_generator_is_closed_on_break(kernel):
    closed = []

    def items():
        try:
            yield from range(5)
        finally:
            closed.append(True)

    for _ in nbexp.loop("item", items()):
        break
    assert closed == [True]


def test_damaged_snapshots_are_passed_over(kernel, eager):
    expected = kernel.live(simple)
    clear(kernel)
    kernel.live(simple, events=3)
    newest, older = sorted(kernel.folder.glob("snapshots/*"), reverse=True)[:2]
    data = newest / "data.json"
    data.write_bytes(data.read_bytes().replace(b"0.", b"1.", 1))
    (older / "snapshot.json").write_text("{")
    (kernel.folder / "snapshots" / ".00000009-step-9.abcd").mkdir()
    assert kernel.live(simple) == expected
    assert kernel.events == [1, 2, 3]


def test_a_notebook_whose_loops_changed_is_told_what_to_do(kernel, eager):
    kernel.live(simple, events=2)

    def renamed(kernel):
        nbexp.checkpoint(seen=[], best=0.0)
        for _ in nbexp.loop("other", 3):
            pass

    with pytest.raises(CheckpointError, match=r"'step'.*'other'.*--fresh"):
        kernel.live(renamed)

    def other_names(kernel):
        nbexp.checkpoint(sight=[])
        for _ in nbexp.loop("step", 3):
            pass

    with pytest.raises(CheckpointError, match=r"best, seen.*sight.*--fresh"):
        kernel.live(other_names)


def test_length_is_that_of_the_iterable(by_hand):
    assert len(nbexp.loop("x", [1, 2])) == 2
    assert len(nbexp.loop("x", 3)) == 3
    with pytest.raises(TypeError):
        len(nbexp.loop("x", iter([1])))


def test_by_hand_it_only_iterates(by_hand, tmp_path):
    threads = threading.active_count()
    state = nbexp.checkpoint(x=[1], best=0)
    assert list(nbexp.loop("a", "xyz")) == ["x", "y", "z"]
    for _ in nbexp.loop("a", 2):
        assert list(nbexp.loop("b", 2)) == [0, 1]
        state.best += 1
    assert (state.best, state.x) == (2, [1])
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads
    assert session.current().frames == []


def test_abandoned_and_interleaved_loops_do_not_confuse_the_others(by_hand):
    pairs = zip(nbexp.loop("a", 3), nbexp.loop("b", 3), strict=True)
    assert list(pairs) == [(0, 0), (1, 1), (2, 2)]
    left = iter(nbexp.loop("left", 3))
    next(left)
    assert [list(nbexp.loop("in", 2)) for _ in nbexp.loop("out", 2)] == [[0, 1], [0, 1]]
    del left
    assert session.current().frames == []


def test_a_pause_takes_a_snapshot_and_goes_on_from_there(kernel):
    def program(kernel):
        seen = []
        nbexp.checkpoint(seen=seen)
        for step in nbexp.loop("step", 4):
            if step == 1 and not (kernel.folder / "went_on").exists():
                (kernel.folder / "pause").touch()
            seen.append(step)
            kernel.tick(step)
        return seen

    with pytest.raises(Paused):
        kernel.live(program)
    assert kernel.snapshots() == ["step-2"]
    (kernel.folder / "pause").unlink()
    (kernel.folder / "went_on").touch()
    assert kernel.live(program) == [0, 1, 2, 3]
    assert kernel.events == [2, 3]


def test_a_pause_waits_for_the_loop_that_keeps_something(kernel):
    def program(kernel):
        nbexp.checkpoint(x=[0])
        for _ in nbexp.loop("epoch", 3):
            for batch in nbexp.loop("batch", 3):
                (kernel.folder / "pause").touch()
                kernel.tick(batch)

    with pytest.raises(Paused):
        kernel.live(program)
    assert kernel.events == [0, 1, 2]
    assert kernel.snapshots() == ["epoch-1"]


def test_a_pause_without_anything_to_keep_comes_at_the_next_iteration(kernel):
    def program(kernel):
        for step in nbexp.loop("step", 4):
            (kernel.folder / "pause").touch()
            kernel.tick(step)

    with pytest.raises(Paused):
        kernel.live(program)
    assert kernel.events == [0]


def test_a_pause_that_was_caught_is_raised_again(kernel):
    (kernel.folder / "pause").touch()

    def program(kernel):
        for _ in range(3):
            try:
                for step in nbexp.loop("step", 2):
                    kernel.tick(step)
            except BaseException as error:
                kernel.events.append(type(error).__name__)

    kernel.live(program)
    assert kernel.events == ["nbexp.Paused"] * 3


def test_another_variants_snapshot_is_taken_over_with_own_settings(kernel, eager, monkeypatch):
    torch = pytest.importorskip("torch")

    def program(rate):
        def run(kernel):
            weight = torch.nn.Parameter(torch.zeros(2))
            optimizer = torch.optim.SGD([weight], lr=rate)
            schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
            state = nbexp.checkpoint(
                weight=weight, optimizer=optimizer, schedule=schedule, best=0.0, rate=rate
            )
            for step in nbexp.loop("step", 4):
                kernel.tick(step)
                weight.data += 1
                state.best = float(step)
                optimizer.step()
                schedule.step()
            return weight.tolist(), optimizer.param_groups[0]["lr"], state.rate, state.best

        return run

    assert kernel.live(program(0.8), events=2) is None
    monkeypatch.setenv("NBEXP_VARIANT", "train-other")
    weights, rate, given, best = kernel.live(program(0.08))
    assert kernel.events == [2, 3]
    assert weights == [4, 4]
    assert rate == pytest.approx(0.08 / 16)
    assert (given, best) == (0.08, 3.0)
