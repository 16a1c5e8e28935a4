"""The part of its budget that a sweep's trials have used."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable

from search.config.sweep_config import SweepConfig
from search.study.state import SweepState
from search.study.trial import Result, Trial


class BudgetTracker:
    """Adds up the time that trials took, from the record: nothing is kept beside it.

    Time in which no trial ran does not count, so that a sweep that is resumed goes on with what is left.

    Args:
        config: The sweep.
        trials: Its trials so far. Those that have ended count; one that runs counts from `begin` on, since the record
            does not tell whether it ran all the time since it was asked for.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, config: SweepConfig, trials: Iterable[Trial] = (), clock: Callable[[], float] = time.time
    ) -> None:
        self._budget, self._cluster, self._clock = config.search.budget, config.cluster, clock
        self._running: dict[int, float] = {}
        self._spans: list[tuple[float, float]] = []
        """When trials ran that have ended: apart from each other, in order."""
        self._work_s = 0.0
        self._built: set[int] = set()
        for trial in trials:
            if trial.result:
                self._add(trial.result)

    def begin(self, number: int, at: float) -> None:
        """Trial `number` runs since `at`."""
        self._running[number] = at

    def started(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.started`."""
        self.begin(trial.number, self._clock())

    def built(self, result: Result) -> None:
        """A trial has no worker any more, and has not ended: its file is measured elsewhere, which costs nothing."""
        self._running.pop(result.number, None)
        if result.number not in self._built:
            self._built.add(result.number)
            self._add(result)

    def finished(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.finished`."""
        self._running.pop(trial.number, None)
        if trial.number not in self._built and trial.result:
            self._add(trial.result)

    @property
    def used_s(self) -> float:
        """Seconds used, of what the budget counts; of wall time, if there is no budget."""
        if self._budget and self._budget.of != "wall":
            now = self._clock()
            running_s = sum(max(0.0, now - since) for since in self._running.values())
            return (self._work_s + running_s) * self._per_trial
        return self.wall_s

    @property
    def wall_s(self) -> float:
        """Seconds in which some trial ran."""
        now = self._clock()
        # All that run have in common that they have not ended: together they are one span, up to now.
        since = min(self._running.values(), default=now)
        return max(0.0, now - since) + sum(max(0.0, min(end, since) - start) for start, end in self._spans)

    @property
    def left_s(self) -> float:
        """Seconds left of what the budget counts: none if it is used up, infinitely many if there is no budget."""
        return max(0.0, self._budget.seconds - self.used_s) if self._budget else float("inf")

    @property
    def left_wall_s(self) -> float:
        """The seconds until the budget is used up if as many trials run as now; infinite if that cannot be told."""
        if self._budget is None or self._budget.of == "wall":
            return self.left_s
        rate = len(self._running) * self._per_trial
        return self.left_s / rate if rate else float("inf")

    @property
    def is_used_up(self) -> bool:
        """True if no new trial may start; those that run are finished, and their work is kept."""
        return self.left_s <= 0

    @property
    def progress(self) -> str:
        """The used part of the budget, for people; empty if there is no budget."""
        return self._budget.progress(self.used_s) if self._budget else ""

    @property
    def _per_trial(self) -> float:
        """Processors, or GPUs, of a trial."""
        return self._budget.per_trial(self._cluster.cpus_per_trial, self._cluster.gpus_per_trial) if self._budget else 1

    def _add(self, result: Result) -> None:
        """Count the work of a trial that has a worker no more."""
        if result.worked_s <= 0:
            return
        start, end = result.started, result.started + result.worked_s
        self._work_s += result.worked_s
        first = bisect_left(self._spans, start, key=lambda span: span[1])
        last = bisect_right(self._spans, end, key=lambda span: span[0])
        touched = self._spans[first:last]
        self._spans[first:last] = [(min([start, *(s for s, _ in touched)]), max([end, *(e for _, e in touched)]))]
