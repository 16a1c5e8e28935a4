"""The queue of a running sweep: what executors take trials from and give results to."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from search.standing import Standing
from search.stopping import Stopping
from search.study import Study
from search.trial import Result, Trial

MAX_ATTEMPTS = 2
"""How often a trial is started when its worker dies under it."""


class Observer(Protocol):
    """Watches a sweep. Its methods are called by the driver and must return at once and never raise."""

    def started(self, trial: Trial, standing: Standing) -> None:
        """`trial` was given out."""

    def finished(self, trial: Trial, standing: Standing) -> None:
        """`trial` has ended."""


class Source(Protocol):
    """What an executor takes trials from and gives results to."""

    def next(self) -> Trial | None:
        """The next trial to run, or None if there is none to give out."""

    def ladder(self, trial: Trial) -> tuple[float, ...]:
        """The shares of its trainings after which `trial` is measured, growing; the last is 1."""

    def judge(self, trial: Trial, result: Result) -> str:
        """Take what a worker has found at a rung below the top: why `trial` ends there, empty if it goes on."""

    def finish(self, result: Result) -> None:
        """Take a result from a worker."""

    def lose(self, trial: Trial, reason: str, now: float) -> None:
        """A worker died over `trial`: it will be given out once more, then it has failed with `reason`."""

    @property
    def out(self) -> tuple[Trial, ...]:
        """The trials that were given out and have not come back."""

    @property
    def exhausted(self) -> bool:
        """Whether everything that was asked for has finished, or nothing is left to try."""


class TrialSource:
    """Gives out trials until as many have finished as were asked for.

    Trials that an earlier driver left unfinished come first, with the parameters that they had.

    Args:
        study: Where trials come from and results go.
        observers: Told of everything.
    """

    def __init__(self, study: Study, observers: Sequence[Observer] = ()) -> None:
        self._study, self._observers = study, observers
        self._stopping = Stopping(study.config)
        self._waiting = deque(trial for trial in study.trials if trial.state == "running")
        self._out: dict[int, Trial] = {}
        self._attempts: dict[int, int] = {}

    def next(self) -> Trial | None:
        """The next trial to run, or None if there is none to give out."""
        if self._waiting:
            trial = self._waiting.popleft()
        else:
            asked = self._study.ask() if len(self._study.trials) < self._study.config.search.trials else None
            if asked is None:
                return None
            trial = asked
        self._out[trial.number] = trial
        self._attempts[trial.number] = self._attempts.get(trial.number, 0) + 1
        for observer in self._observers:
            observer.started(trial, self._study.standing)
        return trial

    def ladder(self, trial: Trial) -> tuple[float, ...]:
        """The shares of its trainings after which `trial` is measured, growing; the last is 1."""
        return self._stopping.ladder(trial, self._study.standing.front)

    def judge(self, trial: Trial, result: Result) -> str:
        """Take what a worker has found at a rung below the top: why `trial` ends there, empty if it goes on."""
        if result.reason:  # what an unfinished network cannot do, a finished one may
            return ""
        reached = self._study.reach(trial.number, result.rung())
        return self._stopping.judge(reached, self._study.trials, self._study.standing.front)

    def finish(self, result: Result) -> None:
        """Take a result from a worker."""
        del self._out[result.number]
        trial = self._study.tell(result)
        for observer in self._observers:
            observer.finished(trial, self._study.standing)

    def lose(self, trial: Trial, reason: str, now: float) -> None:
        """A worker died over `trial`: it will be given out once more, then it has failed with `reason`."""
        if self._attempts[trial.number] < MAX_ATTEMPTS:
            del self._out[trial.number]
            self._waiting.append(trial)
        else:
            self.finish(Result(trial.number, trial.started, now, reason=reason))

    @property
    def out(self) -> tuple[Trial, ...]:
        """The trials that were given out and have not come back."""
        return tuple(self._out.values())

    @property
    def exhausted(self) -> bool:
        """Whether everything that was asked for has finished, or nothing is left to try."""
        return not self._out and not self._waiting and len(self._study.trials) >= self._study.config.search.trials
