"""A sweep's past: where it stood after each trial, and what that had cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.config.sweep_config import SweepConfig
from search.study.state import SweepState, ended, states
from search.study.trial import Trial


@dataclass(frozen=True)
class Snapshot:
    """A sweep when one more trial had ended.

    Attributes:
        state: Where it stood.
        compute_s: The seconds that stages had been computed in all trials so far; what was reused costs nothing.
    """

    state: SweepState
    compute_s: float


class History:
    """The snapshots of a sweep by the number of finished trials.

    Args:
        trials: The trials that exist already.
        config: The sweep.
    """

    def __init__(self, trials: Iterable[Trial], config: SweepConfig) -> None:
        trials = list(trials)
        self.snapshots: dict[int, Snapshot] = {}
        self._counted: set[int] = set()
        self._compute_s = 0.0
        for trial, state in zip(ended(trials), states(trials, config), strict=True):
            self.add(trial, state)

    def add(self, trial: Trial, state: SweepState) -> None:
        """`trial` has ended, and the sweep stands as `state` says; a trial that still runs adds nothing."""
        if trial.result:
            if trial.number not in self._counted:
                self._counted.add(trial.number)
                self._compute_s += compute_seconds(trial)
            self.snapshots[state.finished] = Snapshot(state, self._compute_s)


def compute_seconds(trial: Trial) -> float:
    """The seconds of the stages that `trial` computed and did not find in the store."""
    return sum(stage.seconds for stage in trial.result.computed) if trial.result else 0.0
