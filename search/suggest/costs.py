"""Costs of work: the seconds that stages and measuring took where they were done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median, quantiles

from pipelines.ledger import MEASURING, WAITS
from search.study.trial import Trial

MEASURE = "measure"
"""All of a trial that is not the computing of a stage: loading, measuring, waiting to measure."""

ALONE = "measuring alone"
"""The part of `MEASURE` in which nothing else of the sweep may run on the machine: timing the file."""

BESIDE = "loading and scoring"
"""The part of `MEASURE` that is neither that nor waiting for others: what trials can do side by side."""


@dataclass(frozen=True)
class Spread:
    """The quartiles of the seconds that something takes.

    Attributes:
        low: The lower quartile of what was seen.
        likely: The median.
        high: The upper quartile.
        count: How often it was seen.
    """

    low: float
    likely: float
    high: float
    count: int

    @classmethod
    def of(cls, seconds: list[float]) -> Spread:
        """The spread of one value or more."""
        low, _, high = quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else seconds * 3
        return cls(low, median(seconds), high, len(seconds))


class Costs:
    """Typical seconds by the name of a stage, and those of `MEASURE`.

    Args:
        trials: What is known already; more may be learned.
    """

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self._seconds: dict[str, list[float]] = {}
        self._known: dict[str, float] | None = None
        for trial in trials:
            self.learn(trial)

    def learn(self, trial: Trial) -> None:
        """Take note of what `trial` cost; nothing of one that runs, has failed or was stopped.

        A stage that was done in parts counts as one: see `search.stopping.stopping`.
        """
        if trial.result is None or trial.state != "complete":
            return
        computed: dict[str, float] = {}
        for stage in trial.result.computed:
            computed[stage.name] = computed.get(stage.name, 0.0) + stage.seconds
        for name, seconds in computed.items():
            self.add(name, seconds)
        spent = trial.result.worked_s - sum(computed.values())
        self.add(MEASURE, max(0.0, spent))
        alone, waited = (sum(trial.result.spent.get(name, 0.0) for name in names) for names in ((MEASURING,), WAITS))
        self.add(ALONE, alone)
        self.add(BESIDE, max(0.0, spent - alone - waited))

    def add(self, name: str, seconds: float) -> None:
        """Take note of one more stage that was computed."""
        self._seconds.setdefault(name, []).append(seconds)
        self._known = None

    def known(self) -> dict[str, float]:
        """The median seconds of everything that was ever done."""
        if self._known is None:
            self._known = {name: median(seconds) for name, seconds in self._seconds.items()}
        return self._known

    def seconds(self, name: str) -> float | None:
        """The median seconds of `name`; None if it was never done."""
        return self.known().get(name)

    def spread(self, name: str) -> Spread | None:
        """The seconds of `name` with their quartiles; None if it was never done."""
        return Spread.of(known) if (known := self._seconds.get(name)) else None
