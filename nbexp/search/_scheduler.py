"""A scheduler of Ray Tune, without Tune's trial runner."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from nbexp.decisions import Decision, DecisionKind
from nbexp.pipeline import Mode
from nbexp.search._sandbox import Sandbox
from nbexp.search._searcher import TuneSearcher
from nbexp.search._trial import (
    ERROR,
    PAUSED,
    PENDING,
    RUNNING,
    TERMINATED,
    StandInController,
    StandInTrial,
)

_HUGE = sys.float_info.max / 1e6  # stands for infinity: means and percentiles of it are numbers


@dataclass(frozen=True)
class Setup:
    """What a scheduler is made with.

    Attributes:
        label: What people call it, such as ``asha``.
        metric: Name of the metric.
        mode: Whether larger or smaller is better.
        time_attr: What it counts time by, such as ``training_iteration``.
        sandbox: Where it is called.
        searcher: The search whose suggestions it decides of, where it tells it of pauses.
    """

    label: str
    metric: str
    mode: Mode
    time_attr: str
    sandbox: Sandbox
    searcher: TuneSearcher | None = None


class TuneScheduler:
    """Decides of variants by a Tune scheduler; see `Scheduler`.

    Args:
        tune: The scheduler of Tune.
        setup: What it was made with.
    """

    def __init__(self, tune: Any, setup: Setup) -> None:
        self.tune = tune
        self._setup = setup
        self._orders: list[tuple[str, Decision]] = []
        tell = SimpleNamespace(on_pause=self._on_pause, on_unpause=self._on_unpause)
        search_alg = SimpleNamespace(searcher=tell)
        self._controller = StandInController(tune, search_alg, self._on_stop)
        self._trials = self._controller.trials

    def add(self, name: str, values: Mapping[str, Any]) -> None:
        """Make a variant known, with the values chosen for its distributions, by key."""
        if name in self._trials:
            return
        trial = StandInTrial(name, values)
        self._trials[name] = trial
        with self._setup.sandbox():
            self.tune.on_trial_add(self._controller, trial)

    def start(self, name: str) -> None:
        """Tell that a variant runs now, for the first time or again."""
        trial = self._trials[name]
        if not trial.is_finished():
            trial.status, trial.pausing = RUNNING, False

    def report(self, name: str, step: int, value: float, time: float) -> Decision:
        """Decide of a running variant that reported."""
        trial = self._trials[name]
        if trial.is_finished():
            return Decision(DecisionKind.STOP, reason=self._sentence(trial, "has ended it"))
        is_new = trial.note(step, value)
        if trial.ending and step == max(trial.points):
            return self._end(trial)  # again: it may have been executed anew since the first time
        if trial.ending or not is_new:
            return Decision(DecisionKind.CONTINUE)
        result = self._result(trial, value, time, step)
        if trial.pausing or not self.knows(trial):
            return self._decided(trial, "PAUSE" if trial.pausing else "STOP")
        trial.status = RUNNING
        with self._setup.sandbox():
            action = self.tune.on_trial_result(self._controller, trial, result)
        trial.last_result = result
        self._tell_search(trial, result)
        self._order_exploits(except_for=trial)
        return self._decided(trial, action)

    def recall(
        self,
        name: str,
        points: Sequence[tuple[int, float]],
        values: Mapping[str, Any] | None = None,
    ) -> None:
        """Tell the steps and values that a variant reported in an earlier execution."""
        trial = self._trials[name]
        if trial.is_finished():
            return
        if values is not None:
            trial.config, trial.evaluated_params = dict(values), dict(values)
        for step, value in points:
            if trial.note(step, value):
                trial.last_result = self._result(trial, value, 0.0, step)
                with self._setup.sandbox():
                    self.remember(trial, trial.last_result)

    def complete(self, name: str, value: float | None) -> None:
        """Tell that a variant finished, with the value of its metric if it has one."""
        trial = self._trials[name]
        if trial.is_finished():
            return
        final = math.nan if value is None else value
        result = trial.last_result or self._result(trial, final, 0.0, 0)
        with self._ending(trial):
            self.tune.on_trial_complete(self._controller, trial, result)
        trial.status = TERMINATED

    def remove(self, name: str) -> None:
        """Tell that a variant ended in another way: failed, stopped or skipped."""
        trial = self._trials[name]
        if trial.is_finished():
            return
        is_running = trial.status == RUNNING
        tell = self.tune.on_trial_error if is_running else self.tune.on_trial_remove
        with self._ending(trial):
            tell(self._controller, trial)
        trial.status = ERROR

    def paused(self, name: str) -> None:
        """Tell that a variant has given up its slot, and that its snapshot is on disk."""
        trial = self._trials[name]
        if not trial.is_finished():
            trial.status, trial.pausing = PAUSED, False

    def take_orders(self) -> list[tuple[str, Decision]]:
        """Return what was decided meanwhile of other variants than those that reported."""
        orders, self._orders = self._orders, []
        return orders

    def choose(self, waiting: Sequence[str]) -> str | None:
        """Return which of the pending and paused variants to start next; None for none now."""
        chosen = self._asked(waiting)
        if chosen is None and not self._orders and not self._is_busy(waiting):
            with self._setup.sandbox():
                self.unblock()
            chosen = self._asked(waiting)
            if chosen is None and not self._orders:
                return self._least_advanced(waiting)
        return chosen

    def knows(self, trial: StandInTrial) -> bool:  # noqa: ARG002
        """Whether the scheduler still counts on a trial."""
        return True

    def is_full(self, trial: StandInTrial) -> bool:
        """Whether a trial that reported has been trained as far as the scheduler trains any."""
        limit = getattr(self.tune, "_max_t", math.inf)
        is_last = getattr(self.tune, "_stop_last_trials", True)
        return bool(is_last and trial.last_result[self._setup.time_attr] >= limit)

    def remember(self, trial: StandInTrial, result: dict[str, Any]) -> None:
        """Take note of a result that was decided on before; most schedulers can't."""

    def before_end(self, trial: StandInTrial) -> None:
        """Make ready for the end of a trial."""

    def unblock(self) -> None:
        """Do what lets a variant go on where nothing runs."""

    def _decided(self, trial: StandInTrial, action: str) -> Decision:
        snapshot, trial.snapshot_asked = trial.snapshot_asked, False
        donor = trial.take_exploit()
        if donor:
            self._park(trial)
            return self._exploit(trial, donor.donor, donor.step)
        if trial.last_result and self.is_full(trial):
            return self._end(trial)
        if action == "STOP":
            trial.status = TERMINATED
            return Decision(DecisionKind.STOP, reason=self._sentence(trial, "stopped it"))
        if action == "PAUSE":
            self._park(trial)
            reason = self._sentence(trial, "paused it")
            return Decision(DecisionKind.PAUSE, snapshot=True, reason=reason)
        return Decision(DecisionKind.CONTINUE, snapshot=snapshot)

    def _end(self, trial: StandInTrial) -> Decision:
        trial.status, trial.ending = RUNNING, True
        return Decision(DecisionKind.END, reason=self._sentence(trial, "ended it, in full,"))

    def _park(self, trial: StandInTrial) -> None:
        trial.status, trial.pausing = PAUSED, True
        # To the end: where PBT has the choice among those as far, it would take the same one again
        # and again, which never ends if that one is never better than its donors.
        self._trials[trial.trial_id] = self._trials.pop(trial.trial_id)

    def _exploit(self, trial: StandInTrial, donor: str, step: int) -> Decision:
        old, new = trial.evaluated_params, dict(trial.config)
        changed = ", ".join(f"{k} = {_short(v)}" for k, v in new.items() if old.get(k) != v)
        reason = self._sentence(trial, f"had it go on from {donor} (step {step})")
        trial.evaluated_params = new
        trial.follow(self._trials[donor])
        return Decision(
            DecisionKind.EXPLOIT,
            donor=donor,
            donor_step=step,
            values=new,
            reason=f"{reason}; now {changed}" if changed else reason,
        )

    def _order_exploits(self, except_for: StandInTrial) -> None:
        for name, trial in self._trials.items():
            donor = None if trial is except_for else trial.take_exploit()
            if donor:
                self._orders.append((name, self._exploit(trial, donor.donor, donor.step)))

    def _on_stop(self, trial: StandInTrial) -> None:
        decision = Decision(DecisionKind.STOP, reason=self._sentence(trial, "stopped it"))
        self._orders.append((trial.trial_id, decision))

    @contextmanager
    def _ending(self, trial: StandInTrial) -> Iterator[None]:
        self.before_end(trial)
        trial.pausing = False
        with self._setup.sandbox():
            yield

    def _asked(self, waiting: Sequence[str]) -> str | None:
        """Return what the scheduler chooses while it sees others than those waiting as running."""
        hidden = [
            (trial, trial.status)
            for name, trial in self._trials.items()
            if trial.status in (PENDING, PAUSED) and name not in waiting
        ]
        for trial, _ in hidden:
            trial.status = RUNNING
        with self._setup.sandbox():
            chosen = self.tune.choose_trial_to_run(self._controller)
        for trial, status in hidden:
            trial.status = status
        return chosen.trial_id if chosen is not None and chosen.trial_id in waiting else None

    def _is_busy(self, waiting: Sequence[str]) -> bool:
        """Whether a variant runs, is about to pause, or is started without being chosen."""
        return any(
            trial.status == RUNNING
            or trial.pausing
            or (trial.status == PENDING and name not in waiting)
            for name, trial in self._trials.items()
        )

    def _least_advanced(self, waiting: Sequence[str]) -> str | None:
        return min(waiting, key=lambda name: len(self._trials[name].points), default=None)

    def _result(self, trial: StandInTrial, value: float, time: float, step: int) -> dict[str, Any]:
        return {
            "training_iteration": len(trial.points),
            "time_total_s": time,
            "step": step,
            "trial_id": trial.trial_id,
            self._setup.metric: self._comparable(value),
        }

    def _comparable(self, value: float) -> float:
        worst = -_HUGE if self._setup.mode == Mode.MAX else _HUGE
        return worst if math.isnan(value) else min(max(value, -_HUGE), _HUGE)

    def _sentence(self, trial: StandInTrial, what: str) -> str:
        if not trial.points:
            return f"{self._setup.label} {what}"
        step, value = list(trial.points.items())[-1]
        return f"{self._setup.label} {what} at step {step}: {self._setup.metric} {value:.4g}"

    def _tell_search(self, trial: StandInTrial, result: dict[str, Any]) -> None:
        number = self._number(trial.trial_id) if "hyperband_info" in result else None
        if number is not None and self._setup.searcher is not None:
            self._setup.searcher.hear(number, result)

    def _on_pause(self, name: str) -> None:
        self._pause(name, is_paused=True)

    def _on_unpause(self, name: str) -> None:
        self._pause(name, is_paused=False)

    def _pause(self, name: str, *, is_paused: bool) -> None:
        number = self._number(name)
        if number is not None and self._setup.searcher is not None:
            self._setup.searcher.pause(number, is_paused=is_paused)

    def _number(self, name: str) -> int | None:
        searcher = self._setup.searcher
        return searcher.number_of(name, self._trials[name].config) if searcher else None


class HyperBand(TuneScheduler):
    """HyperBand, kept from waiting for ever.

    Tune's brackets take no note of a trial's end once they were halved, and expect that trials
    that are trained in full wait for each other.
    """

    def knows(self, trial: StandInTrial) -> bool:
        """Whether the trial is still in its bracket."""
        return trial in self._bracket(trial).current_trials()

    def is_full(self, trial: StandInTrial) -> bool:
        """Whether the trial reached the last milestone of its bracket."""
        bracket = self._bracket(trial)
        reached = trial.last_result[self._setup.time_attr]
        is_last = bracket._halves == 0 and reached >= bracket._cumul_r
        is_first = reached >= self.tune._max_t_attr
        return bool(bracket.stop_last_trials and (is_last or is_first))

    def before_end(self, trial: StandInTrial) -> None:
        """Have the bracket look whether those left have become complete."""
        self._bracket(trial).is_being_processed = False

    def unblock(self) -> None:
        """Halve the brackets whose trials have all arrived."""
        for bracket in {id(b): b for b, _ in self.tune._trial_info.values()}.values():
            if any(t.status == PAUSED for t in bracket.current_trials()):
                self.tune._process_bracket(self._controller, bracket)

    def _bracket(self, trial: StandInTrial) -> Any:
        return self.tune._trial_info[trial][0]


class Bohb(HyperBand):
    """BOHB's HyperBand, whose brackets wait until they are as many as they were made for."""

    def before_end(self, trial: StandInTrial) -> None:
        """Have the bracket go on without the trial, unless another may take its place."""
        super().before_end(trial)
        bracket = self._bracket(trial)
        if bracket is not self.tune._state["bracket"]:  # the one that is filled with new trials
            left = [each for each in bracket.current_trials() if each is not trial]
            bracket._n = min(bracket._n, max(len(left), 1))


class Asha(TuneScheduler):
    """ASHA, whose rungs can be told of what was reported before."""

    def remember(self, trial: StandInTrial, result: dict[str, Any]) -> None:
        """Record the result in its rung."""
        self.tune.on_trial_result(self._controller, trial, result)


class Median(TuneScheduler):
    """The median stopping rule, which can be told of what was reported before."""

    def remember(self, trial: StandInTrial, result: dict[str, Any]) -> None:
        """Record the result without judging it."""
        self.tune._results[trial].append(result)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
