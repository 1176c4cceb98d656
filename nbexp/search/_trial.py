"""Stand-ins for the trials and the controller that Ray Tune's schedulers handle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

PENDING, RUNNING, PAUSED = "PENDING", "RUNNING", "PAUSED"
TERMINATED, ERROR = "TERMINATED", "ERROR"


@dataclass(frozen=True)
class StandInCheckpoint:
    """Stands for a checkpoint: a snapshot of a variant after a step."""

    donor: str
    step: int


class StandInTrial:
    """What Tune's schedulers look at and change of a trial.

    Attributes:
        points: The values that it reported, by step.
        pausing: Whether it was told to pause, and may still hold its slot.
        ending: Whether it was told that it has been trained in full.
        snapshot_asked: Whether a snapshot was asked for since the last decision.
    """

    is_saving = False

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self.trial_id = self.experiment_tag = name
        self.status = PENDING
        self.config = dict(values)
        self.evaluated_params = dict(values)
        self.last_result: dict[str, Any] = {}
        self.temporary_state = SimpleNamespace(saving_to=None)
        config = SimpleNamespace(num_to_keep=None)
        manager = SimpleNamespace(checkpoint_config=config, _latest_checkpoint_result=None)
        self.run_metadata = SimpleNamespace(checkpoint_manager=manager)
        self.points: dict[int, float] = {}
        self.pausing = self.ending = self.snapshot_asked = False
        self._donor_points: dict[int, float] | None = None

    def __str__(self) -> str:
        return self.trial_id

    def is_finished(self) -> bool:
        """Whether it has ended."""
        return self.status in (TERMINATED, ERROR)

    def set_experiment_tag(self, tag: str) -> None:
        """Take the name that PBT gives to a trial with changed values."""
        self.experiment_tag = tag

    def set_config(self, config: Mapping[str, Any]) -> None:
        """Take changed values."""
        self.config = dict(config)

    @property
    def checkpoint(self) -> StandInCheckpoint | None:
        """Its newest snapshot, if it has reported anything."""
        return StandInCheckpoint(self.trial_id, max(self.points)) if self.points else None

    def take_exploit(self) -> StandInCheckpoint | None:
        """Return the donor's snapshot that it was told to go on from, once."""
        manager = self.run_metadata.checkpoint_manager
        result, manager._latest_checkpoint_result = manager._latest_checkpoint_result, None
        return result.checkpoint if result else None

    def follow(self, donor: StandInTrial) -> None:
        """Go on from a donor's snapshot: the steps before it are the donor's."""
        self._donor_points = dict(donor.points)

    def note(self, step: int, value: float) -> bool:
        """Note a report; return whether it is the first of its step."""
        if self._donor_points is not None:
            self.points = {s: v for s, v in self._donor_points.items() if s < step}
            self._donor_points = None
        is_new = step not in self.points
        self.points.setdefault(step, value)
        return is_new


class StandInController:
    """What Tune's schedulers ask for and tell to Tune's controller.

    Args:
        scheduler: The scheduler.
        search_alg: Stands for the search, where a scheduler tells it of pauses.
        on_stop: Called with each trial that the scheduler stops.
    """

    def __init__(
        self, scheduler: Any, search_alg: Any, on_stop: Callable[[StandInTrial], None]
    ) -> None:
        self.trials: dict[str, StandInTrial] = {}
        self.search_alg = search_alg
        self._scheduler = scheduler
        self._on_stop = on_stop

    def get_trials(self) -> list[StandInTrial]:
        """Return all trials."""
        return list(self.trials.values())

    def get_live_trials(self) -> list[StandInTrial]:
        """Return the trials that have not ended."""
        return [trial for trial in self.trials.values() if not trial.is_finished()]

    def get_trial(self, trial_id: str) -> StandInTrial | None:
        """Return a trial by its id."""
        return self.trials.get(trial_id)

    def stop_trial(self, trial: StandInTrial) -> None:
        """Stop a trial, as Tune's controller does."""
        if trial.is_finished():
            return
        if trial.status == RUNNING:
            self._scheduler.on_trial_complete(self, trial, trial.last_result)
        else:
            self._scheduler.on_trial_remove(self, trial)
        trial.status = TERMINATED
        self._on_stop(trial)

    def pause_trial(self, trial: StandInTrial, should_checkpoint: bool = True) -> None:  # noqa: ARG002
        """Pause a trial; its snapshot is asked for by the decision."""
        trial.status = PAUSED

    def _set_trial_status(self, trial: StandInTrial, status: str) -> None:
        trial.status = status

    def _schedule_trial_save(
        self,
        trial: StandInTrial,
        result: Any = None,  # noqa: ARG002
    ) -> StandInCheckpoint | None:
        trial.snapshot_asked = True
        return trial.checkpoint
