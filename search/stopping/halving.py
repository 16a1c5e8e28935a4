"""Successive halving for several objectives: who is among the best that have reached a rung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import moocore
import numpy as np

from search.config.objective import Constraint, Objective, is_structural
from search.study.rung import Rung

RUNGS = (1 / 9, 1 / 3)
"""The shares of their trainings after which trials are compared."""

ETA = 3
"""One of so many goes on from each rung: three, as the rungs are three times as far each."""


@dataclass(frozen=True)
class Place:
    """The place of a trial among those that have reached its rung, itself included.

    Attributes:
        ahead: How many are better.
        of: How many there are.
        rank: 0 if none of them dominates it; 1 if only those of rank 0 do, and so on.
    """

    ahead: int
    of: int
    rank: int

    @property
    def goes_on(self) -> bool:
        """True if it is among the best 1/`ETA`, or nobody dominates it."""
        return self.rank == 0 or self.ahead < self.of // ETA


def place(
    number: int, rungs: Mapping[int, Rung], objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> Place:
    """The place of trial `number` among all that have reached the same rung.

    The order is that by Pareto rank, and within a rank by spread: the crowding distance (K. Deb et al., "A fast and
    elitist multiobjective genetic algorithm: NSGA-II", 2002). A trial that dominates another has the lower rank, so
    that none is ever stopped where one that it dominates would go on; equals have the same place. Those that break a
    bound on the structure come after all that keep them, the less by how far they miss them. A bound on anything else
    does not count: accuracy may still rise. Values are compared and never subtracted, so that no unit matters.

    Sources: L. Li et al., "A system for massively parallel hyperparameter tuning" (ASHA), 2020; R. Schmucker et al.,
    "Multi-objective asynchronous successive halving", 2021.

    Args:
        number: Whose place.
        rungs: What each trial had reached there, by number, that of `number` among them.
        objectives: What is optimised.
        constraints: What has to be kept.
    """
    numbers = list(rungs)
    structural = [constraint for constraint in constraints if is_structural(constraint.name)]
    keeps = np.array([all(c.holds(rungs[n].measurement.metrics) for c in structural) for n in numbers])
    losses = np.array([[o.loss(rungs[n].measurement.metrics) for o in objectives] for n in numbers], dtype=float)
    misses = np.array(
        [[max(0.0, c.violation(rungs[n].measurement.metrics)) for c in structural] for n in numbers], dtype=float
    )
    ranks, spreads = np.zeros(len(numbers), dtype=int), np.zeros(len(numbers))
    first = 0
    for group, values in ((keeps, losses), (~keeps, misses)):
        if group.any():
            steps = _steps(values[group])
            ranks[group] = first + moocore.pareto_rank(steps.astype(float))
            for rank in np.unique(ranks[group]):
                spreads[group & (ranks == rank)] = _spread(steps[ranks[group] == rank])
            first = ranks[group].max() + 1
    mine = numbers.index(number)
    ahead = (ranks < ranks[mine]) | ((ranks == ranks[mine]) & (spreads > spreads[mine]))
    return Place(int(ahead.sum()), len(numbers), int(ranks[mine]))


def _steps(values: np.ndarray) -> np.ndarray:
    """Each column's values as how many smaller ones there are in it, each counted once; shape as `values`."""
    return np.array([np.unique(column, return_inverse=True)[1] for column in values.T]).T


def _spread(points: np.ndarray) -> np.ndarray:
    """The crowding distance of each of `points`, infinite at the ends; points that are equal have the same.

    Args:
        points: Shape (points, objectives).

    Returns:
        Shape (points,).
    """
    total = np.zeros(len(points))
    for column in points.T:
        values, position = np.unique(column, return_inverse=True)
        if len(values) > 1:
            gaps = np.concatenate([[np.inf], values[2:] - values[:-2], [np.inf]])
            total += (gaps / (values[-1] - values[0]))[position]
    return total
