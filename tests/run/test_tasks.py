"""The line in which variants wait for workers."""

from types import SimpleNamespace

from nbexp.pipeline import Resources
from nbexp.run.tasks import Task, TaskQueue

SMALL, LARGE = Resources(1.0, 0.0, None, ()), Resources(2.0, 0.0, None, ())


def task(name: str, shape: Resources = SMALL) -> Task:
    variant = SimpleNamespace(name=name, stage="train")
    return Task(SimpleNamespace(node=SimpleNamespace(variant=variant), key=name), shape)


def test_first_come_first_served_and_retries_before_all():
    queue = TaskQueue()
    for name in ("a", "b"):
        queue.push(task(name))
    queue.push_front(task("again"))
    assert [queue.pop(SMALL).name for _ in range(3)] == ["again", "a", "b"]
    assert queue.pop(SMALL) is None


def test_shape_that_waits_longest_comes_first():
    queue = TaskQueue()
    queue.push(task("a", SMALL))
    queue.push(task("b", LARGE))
    queue.push(task("c", SMALL))
    assert list(queue.counts().items()) == [(SMALL, 2), (LARGE, 1)]
    queue.pop(SMALL)
    assert list(queue.counts()) == [LARGE, SMALL]


def test_task_that_is_kept_back_counts_but_is_not_given_out():
    queue = TaskQueue()
    queue.block(task("a"), seconds=100)
    assert len(queue) == 1
    assert queue.counts() == {}
    queue.block(task("b"), seconds=0)
    assert len(queue.take_all()) == 2
    queue.block(task("b"), seconds=0)
    assert queue.counts() == {SMALL: 1}


def test_task_can_be_taken_out_wherever_it_waits():
    queue = TaskQueue()
    queue.push(task("a"))
    queue.block(task("b"), seconds=100)
    assert [queue.remove(name).name for name in ("a", "b")] == ["a", "b"]
    assert queue.remove("a") is None
    assert len(queue) == 0
