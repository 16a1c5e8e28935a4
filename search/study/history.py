"""A sweep's past: where it stood after each trial, and what that had cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.config.sweep_config import SweepConfig
from search.study.state import Standing, ended, standings
from search.study.trial import Trial


@dataclass(frozen=True)
class Moment:
    """A sweep when one more trial had ended.

    Attributes:
        standing: Where it stood.
        compute_s: The seconds that stages had been computed in all trials so far; what was reused costs nothing.
    """

    standing: Standing
    compute_s: float


class History:
    """The moments of a sweep by the number of finished trials.

    Args:
        trials: The trials that exist already.
        config: The sweep.
    """

    def __init__(self, trials: Iterable[Trial], config: SweepConfig) -> None:
        trials = list(trials)
        self.moments: dict[int, Moment] = {}
        self._counted: set[int] = set()
        self._compute_s = 0.0
        for trial, standing in zip(ended(trials), standings(trials, config), strict=True):
            self.add(trial, standing)

    def add(self, trial: Trial, standing: Standing) -> None:
        """`trial` has ended, and the sweep stands as `standing` says; a trial that still runs adds nothing."""
        if trial.result:
            if trial.number not in self._counted:
                self._counted.add(trial.number)
                self._compute_s += compute_seconds(trial)
            self.moments[standing.finished] = Moment(standing, self._compute_s)


def compute_seconds(trial: Trial) -> float:
    """The seconds of the stages that `trial` computed and did not find in the store."""
    return sum(stage.seconds for stage in trial.result.computed) if trial.result else 0.0
