"""The patience of a sweep: it ends when further trials promise too little."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from search.config.sweep_config import SweepConfig
from search.study.state import SweepState, states
from search.study.trial import Trial
from spaces import counted

FEWEST = 20
"""Before so many trials have finished, nothing is said about what further ones may bring."""

AHEAD = 20
"""For so many further trials the forecast is made, if the sweep has no patience of its own."""


class Patience:
    """Forecasts from the hypervolume so far what further trials may bring.

    Args:
        config: The sweep.
        past: Where it stood after each finished trial.

    Attributes:
        hypervolumes: The hypervolume after each finished trial.
    """

    def __init__(self, config: SweepConfig, past: Iterable[SweepState] = ()) -> None:
        self._patience, self._min_gain = config.search.patience, config.search.min_gain
        self.hypervolumes = [state.hypervolume for state in past]

    @classmethod
    def of(cls, config: SweepConfig, trials: Iterable[Trial]) -> Patience:
        """The patience of the sweep `config` after `trials`."""
        return cls(config, states(trials, config))

    def started(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.started`."""

    def finished(self, trial: Trial, state: SweepState) -> None:
        """See `Observer.finished`."""
        self.hypervolumes.append(state.hypervolume)

    @property
    def ahead(self) -> int:
        """The number of further trials that the forecast is about."""
        return self._patience or AHEAD

    @property
    def forecast(self) -> float | None:
        """By which share of it the hypervolume may grow in the next `ahead` trials; None if that is not known yet."""
        if len(self.hypervolumes) < FEWEST or not self.hypervolumes[-1]:
            return None
        return expected_gain(self.hypervolumes, self.ahead) / self.hypervolumes[-1]

    @property
    def is_exhausted(self) -> bool:
        """True if the sweep has a patience, and its next trials promise less than it asks for."""
        if self._patience is None or len(self.hypervolumes) < FEWEST:
            return False
        forecast = self.forecast
        return forecast is None or forecast < self._min_gain  # None: nothing has come of any trial

    @property
    def words(self) -> str:
        """The forecast, for people; empty if there is none yet."""
        if self.forecast is None:
            return ""
        return f"next {counted(self.ahead, 'trial')}: at most about +{self.forecast:.1%}"


def expected_gain(hypervolumes: Sequence[float], ahead: int) -> float:
    """Forecast the growth of the hypervolume in the next `ahead` trials, rather too high than too low.

    If trials came in no order, the n-th would be better than all before with a chance in proportion to 1/n. So the
    trials n+1 to n+k bring what the latest half has brought, times log(1 + k/n) / log 2. A step of the mean size of all
    steps so far is added to what the latest half has brought, since a front often grows again after a while of rest.
    `benchmarks/patience.py` compares the forecast with what came.

    Args:
        hypervolumes: The hypervolume after each finished trial, two at least; the first is the uncompressed teacher's.
        ahead: How many further trials.
    """
    count = len(hypervolumes)
    half = count // 2
    steps = sum(after > before for before, after in pairwise(hypervolumes))
    step = (hypervolumes[-1] - hypervolumes[0]) / max(1, steps)
    latest = hypervolumes[-1] - hypervolumes[half - 1]
    return (latest + step) * math.log1p(ahead / count) / math.log(count / half)
