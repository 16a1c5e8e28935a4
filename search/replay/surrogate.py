"""A model of the metrics of recipes that were not run, and how far it errs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from search.config.sweep_config import SweepConfig
from search.study.trial import Trial
from spaces import Axis, Value

FEWEST = 10
"""With fewer trials nothing is supposed of others."""

TREES = 100
"""Of each forest."""


@dataclass(frozen=True)
class Error:
    """The error of the model for one metric, on trials that were left out.

    Attributes:
        metric: The metric.
        median: The median error: a difference, or a share of the value if `relative`.
        relative: Whether it is a share.
    """

    metric: str
    median: float
    relative: bool

    def __str__(self) -> str:
        return f"{self.metric} ±{self.median:.1%}" if self.relative else f"{self.metric} ±{self.median:.4g}"


class Surrogate:
    """A random forest over the parameters for each metric; in logarithms for a positive metric that is minimised.

    Source: L. Breiman, "Random Forests", 2001; surrogates of recorded searches: K. Eggensperger et al., "Efficient
    Benchmarking of Hyperparameter Optimizers via Surrogates", 2015.

    Args:
        config: The sweep.
        trials: Its complete trials, the uncompressed teacher left out; `FEWEST` at least.

    Raises:
        ValueError: there are fewer.
    """

    def __init__(self, config: SweepConfig, trials: Sequence[Trial]) -> None:
        if len(trials) < FEWEST:
            raise ValueError(f"a model needs {FEWEST} complete trials, not {len(trials)}")
        self._axes = [axis for axis in config.space.axes if len(axis.values) > 1]
        names = [o.name for o in config.objectives]
        names += [c.name for c in config.constraints if all(c.name in trial.metrics for trial in trials)]
        minimized = {o.name for o in config.objectives if o.direction == "minimize"}
        features = self._features([trial.params for trial in trials])
        self._models: dict[str, tuple[RandomForestRegressor, bool]] = {}
        self.errors: list[Error] = []
        for name in dict.fromkeys(names):
            values = np.array([trial.metrics[name] for trial in trials])
            logarithmic = name in minimized and bool((values > 0).all())
            target = np.log(values) if logarithmic else values
            model = RandomForestRegressor(TREES, oob_score=True, random_state=0).fit(features, target)
            # Of each trial, what the trees say that were grown without it.
            error = float(np.median(np.abs(model.oob_prediction_ - target)))
            self.errors.append(Error(name, float(np.expm1(error)) if logarithmic else error, logarithmic))
            self._models[name] = model, logarithmic

    def metrics(self, params: Mapping[str, Value]) -> dict[str, float]:
        """The metrics that a recipe with `params` is supposed to have, by name."""
        features = self._features([params])
        found = {}
        for name, (model, logarithmic) in self._models.items():
            value = float(model.predict(features)[0])
            found[name] = float(np.exp(value)) if logarithmic else value
        return found

    def _features(self, points: Sequence[Mapping[str, Value]]) -> np.ndarray:
        """One row for each of `points`, a column for each ordered axis and for each value of the others."""
        return np.array([[number for axis in self._axes for number in _columns(axis, params)] for params in points])


def _columns(axis: Axis, params: Mapping[str, Value]) -> list[float]:
    """The parameter of `axis` as numbers; where it does not apply, below all values, or none of them."""
    value = params.get(axis.name)
    if axis.step is None:
        return [float(value == legal) for legal in axis.values]
    return [float(axis.values[0]) - float(axis.step) if value is None else float(value)]
