"""What work costs: the seconds that stages and measuring took where they were done."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from search.trial import Trial

MEASURE = "measure"
"""All of a trial that is not the computing of a stage: loading, measuring, waiting to measure."""


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
        """Take note of what `trial` cost; nothing of one that runs or has failed."""
        if trial.result is None or trial.state == "failed":
            return
        computed = [(stage.name, stage.seconds) for stage in trial.result.stages if not stage.reused]
        for name, seconds in computed:
            self.add(name, seconds)
        spent = trial.result.finished - trial.result.started - sum(seconds for _, seconds in computed)
        self.add(MEASURE, max(0.0, spent))

    def add(self, name: str, seconds: float) -> None:
        """Take note of one more stage that was computed."""
        self._seconds.setdefault(name, []).append(seconds)
        self._known = None

    def known(self) -> dict[str, float]:
        """What everything takes that was ever done, in the median."""
        if self._known is None:
            self._known = {name: median(seconds) for name, seconds in self._seconds.items()}
        return self._known

    def seconds(self, name: str) -> float | None:
        """What `name` takes, in the median; None if it was never done."""
        return self.known().get(name)
