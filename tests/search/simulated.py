"""A pool of slots in which variants with known learning curves run under a scheduler."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbexp.decisions import Decision, DecisionKind
from nbexp.pipeline import Distribution, Mode
from nbexp.pipeline.spec import SchedulerSpec
from nbexp.search import Scheduler, make_scheduler
from nbexp.search._scheduler import TuneScheduler
from nbexp.states import State

SPACE = {"lr": Distribution("loguniform", (1e-3, 1.0))}


def made(type_: str, mode: Mode = Mode.MAX, seed: int = 1, **options: Any) -> TuneScheduler:
    spec = SchedulerSpec(type_, options)
    return make_scheduler(spec, metric="acc", mode=mode, seed=seed, space=SPACE)


@dataclass
class Simulated:
    """A variant whose notebook trains for some epochs.

    Its state is one number, so that an exploit can copy it from a donor's snapshot.
    """

    name: str
    values: dict[str, Any]
    train: Callable[[float, int, Mapping[str, Any]], float]
    epochs: int = 27
    fails_at: int | None = None
    state: State = State.PENDING
    step: int = 0
    score: float = 0.0
    spent: int = 0
    ending: bool = False
    snapshots: dict[int, float] = field(default_factory=dict)

    def epoch(self) -> bool:
        """Train for one epoch; return False if that failed."""
        self.spent += 1
        self.step += 1
        if self.step == self.fails_at:
            return False
        self.score = self.train(self.score, self.step, self.values)
        return True


def curve(quality: float, noise: random.Random) -> Callable[[float, int, Any], float]:
    return lambda _, step, __: quality * (1 - math.exp(-step / 5)) + noise.gauss(0, 0.002)


def population(count: int = 27, seed: int = 0, epochs: int = 27) -> list[Simulated]:
    noise = random.Random(seed)
    return [
        Simulated(f"v{i}", {"lr": (i + 1) / 100}, curve(0.5 + i / (2 * count), noise), epochs)
        for i in noise.sample(range(count), count)
    ]


class Pool:
    """Runs variants to their ends as a run does, in a fixed order.

    Args:
        scheduler: Decides.
        variants: All that compete.
        slots: How many run at a time.
        stopped: Which variants a person stops, if they wait when it is their turn.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        variants: list[Simulated],
        slots: int = 4,
        stopped: Sequence[str] = (),
    ) -> None:
        self.scheduler = scheduler
        self.variants = {each.name: each for each in variants}
        self.slots = slots
        self.stopped = list(stopped)
        self.running: list[str] = []
        self.decisions: list[tuple[str, int, Decision]] = []
        for each in variants:
            scheduler.add(each.name, each.values)

    @property
    def spent(self) -> int:
        return sum(each.spent for each in self.variants.values())

    @property
    def best(self) -> float:
        return max(each.score for each in self.variants.values())

    def of_kind(self, kind: DecisionKind) -> list[tuple[str, int, Decision]]:
        return [each for each in self.decisions if each[2].kind is kind]

    def run(self) -> Pool:
        for _ in range(5000):
            self.carry_out()
            self.stop_next()
            self.fill()
            if not self.running:
                left = [v.name for v in self.variants.values() if not v.state.is_final]
                assert not left, f"nothing runs, and these wait for ever: {left}"
                return self
            for name in list(self.running):
                if name in self.running:
                    self.advance(self.variants[name])
                    self.carry_out()
        raise AssertionError("no end in sight")

    def stop_next(self) -> None:
        variant = self.variants[self.stopped.pop()] if self.stopped else None
        if variant is not None and variant.state in (State.PENDING, State.PAUSED):
            self.end(variant, State.STOPPED)
            self.scheduler.remove(variant.name)
            self.carry_out()

    def fill(self) -> None:
        while len(self.running) < self.slots:
            waiting = [v.name for v in self.variants.values() if not v.state.is_final]
            name = self.scheduler.choose([n for n in waiting if n not in self.running])
            had_orders = self.carry_out()
            if name is not None and not self.variants[name].state.is_final:
                self.variants[name].state = State.RUNNING
                self.running.append(name)
                self.scheduler.start(name)
            elif not had_orders:
                return

    def advance(self, variant: Simulated) -> None:
        if variant.ending or variant.step >= variant.epochs:
            self.end(variant, State.FINISHED)
            self.scheduler.complete(variant.name, variant.score)
        elif not variant.epoch():
            self.end(variant, State.FAILED)
            self.scheduler.remove(variant.name)
        else:
            name, step = variant.name, variant.step
            decision = self.scheduler.report(name, step, variant.score, float(variant.spent))
            self.obey(variant, decision)

    def obey(self, variant: Simulated, decision: Decision) -> None:
        self.decisions.append((variant.name, variant.step, decision))
        if decision.snapshot:
            variant.snapshots[variant.step] = variant.score
        if decision.kind is DecisionKind.STOP:
            self.end(variant, State.PRUNED)
            self.scheduler.remove(variant.name)
        elif decision.kind is DecisionKind.END:
            variant.ending = True
        elif decision.kind in (DecisionKind.PAUSE, DecisionKind.EXPLOIT):
            if decision.kind is DecisionKind.EXPLOIT:
                self.exploit(variant, decision)
            self.running = [name for name in self.running if name != variant.name]
            variant.state = State.PAUSED
            self.scheduler.paused(variant.name)

    def exploit(self, variant: Simulated, decision: Decision) -> None:
        donor = self.variants[decision.donor or ""]
        variant.step = decision.donor_step or 0
        variant.score = donor.snapshots[variant.step]
        variant.values = dict(decision.values)

    def end(self, variant: Simulated, state: State) -> None:
        variant.state = state
        self.running = [name for name in self.running if name != variant.name]

    def carry_out(self) -> bool:
        orders = self.scheduler.take_orders()
        for name, decision in orders:
            self.obey(self.variants[name], decision)
        return bool(orders)
