"""Trials on their way: those that wait, those that are out, and how often each was given out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from search.study.outcome import Failed
from search.study.trial import Result, Trial

MAX_ATTEMPTS = 2
"""How often a trial is started when its worker dies under it."""


class Attempts:
    """Keeps account of the trials of a queue between `next` and `finish` of `search.execution.executor.TrialQueue`.

    Args:
        waiting: The trials that are to be given out first, in this order.

    Attributes:
        waiting: The trials that are to be given out; those that came back without a result are the last.
    """

    def __init__(self, waiting: Iterable[Trial] = ()) -> None:
        self.waiting = deque(waiting)
        self._out: dict[int, Trial] = {}
        self._counts: dict[int, int] = {}

    @property
    def out(self) -> tuple[Trial, ...]:
        """The trials that were given out and have not come back."""
        return tuple(self._out.values())

    def begin(self, trial: Trial) -> None:
        """Count one more attempt at `trial`, which is out from now on."""
        self._out[trial.number] = trial
        self._counts[trial.number] = self._counts.get(trial.number, 0) + 1

    def trial(self, number: int) -> Trial:
        """The trial called `number`, which is out."""
        return self._out[number]

    def end(self, number: int) -> Trial:
        """The trial that has come back with a result."""
        return self._out.pop(number)

    def retry(self, trial: Trial, reason: str, now: float) -> Result | None:
        """Let `trial`, whose worker died, wait for one more attempt.

        Returns:
            None; or, if it was given out `MAX_ATTEMPTS` times, the result that it has failed with `reason`: it is still
            out then.
        """
        if self._counts[trial.number] >= MAX_ATTEMPTS:
            return Result(trial.number, trial.started, now, Failed(reason))
        self.waiting.append(self._out.pop(trial.number))
        return None

    def requeue(self, trial: Trial) -> None:
        """Let `trial` wait as if it had never been given out: it was not worked on, through no fault of its own."""
        self._counts[trial.number] -= 1
        self.waiting.append(self._out.pop(trial.number))
