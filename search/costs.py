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
        for trial in trials:
            self.learn(trial)

    def learn(self, trial: Trial) -> None:
        """Take note of what `trial` cost; nothing of one that runs, has failed or was stopped.

        A stage that was done in parts counts as one: see `search.stopping`.
        """
        if trial.result is None or trial.state != "complete":
            return
        computed: dict[str, float] = {}
        for stage in trial.result.computed:
            computed[stage.name] = computed.get(stage.name, 0.0) + stage.seconds
        for name, seconds in computed.items():
            self.add(name, seconds)
        spent = trial.result.finished - trial.result.started - sum(computed.values())
        self.add(MEASURE, max(0.0, spent))

    def add(self, name: str, seconds: float) -> None:
        """Take note of one more stage that was computed."""
        self._seconds.setdefault(name, []).append(seconds)

    def seconds(self, name: str) -> float | None:
        """What `name` takes, in the median; None if it was never done."""
        return median(known) if (known := self._seconds.get(name)) else None
