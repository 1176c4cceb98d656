"""Long-lived workers on Ray: for each shape of resources, as many as fit and are needed."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Mapping
from typing import Any

from nbexp.decisions import Decision
from nbexp.errors import RunError
from nbexp.execute.job import Job, MetricReport
from nbexp.pipeline import Resources
from nbexp.run.cluster import Cluster
from nbexp.run.worker import Worker, ray_environment
from nbexp.run.workers import Done, Slot, Workers

_PATIENCE_S = 3.0
_IDLE_PATIENCE_S = 1.0
_START_TRIES = 5


class Pool(Workers):
    """The workers of a run on Ray.

    Args:
        cluster: The connection to Ray; started with the first worker.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._environment = ray_environment()
        self._is_started = False
        self._slots: list[Slot] = []
        self._refs: dict[Any, Slot] = {}
        self._reports: dict[Any, Slot] = {}
        self._failed_starts = 0
        self.are_elsewhere = cluster.settings.address is not None

    def load(self) -> None:
        """Import Ray, which `start` does otherwise."""
        self._cluster.load()

    def start(self) -> None:
        """Start Ray, if that has not been done.

        Raises:
            RunError: Ray can't be used.
        """
        if not self._is_started:
            self._cluster.start()
            self._is_started = True

    def nodes(self) -> list[dict[str, float]]:
        """Return the resources of each living node, once Ray has started."""
        return self._cluster.nodes()

    def idle(self) -> list[Slot]:
        """Return the workers that have nothing to do."""
        return [slot for slot in self._slots if slot.is_up and slot.task is None]

    def room(self, shape: Resources) -> int:
        """Return how many notebooks more of a shape could run now, were it alone."""
        busy = sum(slot.task is not None for slot in self._slots if slot.shape == shape)
        return self.capacity(shape) - busy

    def capacity(self, shape: Resources) -> int:
        """Return how many workers of a shape the whole cluster could hold."""
        nodes, needs = self._cluster.nodes(), shape.needs()
        if not needs:
            return 4 * sum(int(node.get("CPU", 1)) for node in nodes)
        return sum(
            int(min(node.get(name, 0.0) / amount for name, amount in needs.items()) + 1e-9)
            for node in nodes
        )

    def scale(self, waiting: Mapping[Resources, int]) -> None:
        """Start workers for what waits, and end those that stand in its way.

        Args:
            waiting: How many notebooks wait for each shape, the shape that waits longest first.
        """
        for shape, count in waiting.items():
            own = [slot for slot in self._slots if slot.shape == shape]
            free = sum(slot.task is None for slot in own)
            for _ in range(min(count - free, self.capacity(shape) - len(own))):
                self._start_worker(shape)
        first = next(iter(waiting))
        if not any(slot.is_up for slot in self._slots if slot.shape == first):
            self._make_room(first, waiting)

    def run(self, slot: Slot, job: Job) -> None:
        """Have an idle worker execute a notebook."""
        slot.task = job.variant
        self._refs[slot.actor.execute.remote(job)] = slot
        if job.is_steered and slot not in self._reports.values():
            self._listen(slot, None)

    def answer(self, task: str, answer: Decision) -> None:
        """Answer the last report of a running notebook, which waits for that."""
        for slot in self._slots:
            if slot.task == task:
                self._listen(slot, answer)

    def wait(self, timeout_s: float) -> list[Done | MetricReport]:
        """Return the executions that end, or that are lost, and the reports, within a time.

        Raises:
            RunError: Ray has died, or workers fail to start, again and again.
        """
        if self._is_started:
            self._cluster.check()
        if not self._refs:
            time.sleep(timeout_s)
            return []
        import ray

        refs = [*self._refs, *self._reports]
        ended, _ = ray.wait(refs, num_returns=1, timeout=timeout_s)
        if ended:  # take along all others that have ended too
            ended, _ = ray.wait(refs, num_returns=len(refs), timeout=0)
        is_report = self._reports.__contains__
        # Reports first: the end of a notebook comes after them.
        reports = [self._take_report(ref) for ref in ended if is_report(ref)]
        done = [self._take(ref) for ref in ended if ref in self._refs]
        return [each for each in (*reports, *done) if each is not None]

    def stop(self, task: str) -> None:
        """End an execution; it comes back from `wait`, as stopped.

        One that has only just begun may not hear it: ask again until it has ended.
        """
        for slot in self._slots:
            if slot.task == task:
                slot.actor.stop.remote(task)

    def kill(self) -> None:
        """End all workers at once."""
        for slot in list(self._slots):
            self._end_worker(slot)

    def close(self) -> None:
        """End all workers, and let go of Ray."""
        if self._is_started:
            self.kill()
            self._is_started = False
        self._cluster.close()  # also where starting it was broken off

    def _start_worker(self, shape: Resources) -> None:
        import ray

        actor_class = ray.remote(Worker).options(
            num_cpus=shape.cpu,
            num_gpus=shape.gpu,
            memory=shape.memory,
            resources=dict(shape.custom),
            max_concurrency=3,
        )
        threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, int(shape.cpu)))
        slot = Slot(shape, actor_class.remote(self._environment, threads))
        self._slots.append(slot)
        self._refs[slot.actor.ready.remote()] = slot

    def _end_worker(self, slot: Slot) -> None:
        import ray

        self._slots.remove(slot)
        self._refs = {ref: other for ref, other in self._refs.items() if other is not slot}
        self._reports = {ref: other for ref, other in self._reports.items() if other is not slot}
        if not self._cluster.is_lost:
            with contextlib.suppress(Exception):  # it may be gone
                ray.kill(slot.actor)

    def _make_room(self, shape: Resources, waiting: Mapping[Resources, int]) -> None:
        """End idle workers of other shapes, where the shape that waits longest finds no place.

        Those that have nothing to come go soon, those that only lose their turn go later.
        """
        asked = [slot.started for slot in self._slots if slot.shape == shape]
        waited_s = time.monotonic() - min(asked) if asked else math.inf
        for slot in self.idle():
            patience_s = _PATIENCE_S if slot.shape in waiting else _IDLE_PATIENCE_S
            if slot.shape != shape and waited_s > patience_s:
                self._end_worker(slot)

    def _listen(self, slot: Slot, answer: Decision | None) -> None:
        self._reports[slot.actor.exchange.remote(answer)] = slot

    def _take_report(self, ref: Any) -> MetricReport | None:
        import ray

        slot = self._reports.pop(ref)
        try:
            report: MetricReport = ray.get(ref)
        except ray.exceptions.RayError:  # its worker is lost, as its execution tells
            return None
        if report.variant == slot.task:
            return report
        self._listen(slot, None)  # a notebook has ended meanwhile that did not wait any longer
        return None

    def _take(self, ref: Any) -> Done | None:
        import ray

        slot = self._refs.pop(ref)
        task, slot.task = slot.task, None
        try:
            value = ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            return Done(task, None, str(error.cause)) if task else None
        except ray.exceptions.RayError as error:
            self._slots.remove(slot)
            if not slot.is_up:
                self._count_failed_start(error)
            return Done(task, None, _reason(error)) if task else None
        if slot.is_up:
            return Done(task, value) if task else None
        slot.is_up, self._failed_starts = True, 0
        return None

    def _count_failed_start(self, error: Exception) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _START_TRIES:
            raise RunError(
                f"Ray's workers can't start; {self._failed_starts} in a row failed: {error}. "
                "Check that nbexp can be imported on every node, in the same version as here."
            )


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
