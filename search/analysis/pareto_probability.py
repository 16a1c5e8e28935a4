"""The probability that a trial is on the front, given the intervals of the measurements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.config.objective import Constraint, Objective
from search.study.front import ParetoFront, nondominated
from search.study.trial import Trial

NEAR = 0.05
"""From this probability on, a trial that is not on the front is called near it."""

SAMPLES = 2000
"""The standard error of a probability is 0.011 at most."""

Z_95 = 1.959964
"""Standard deviations from the middle of a normal distribution to the ends of its central 95 %."""

Z_SURE = 4.0
"""What happens further out than this many standard deviations is left out of account: 1 in 30,000."""


@dataclass(frozen=True)
class ParetoProbability:
    """The members of the front, and the probability of each.

    Attributes:
        chances: By trial, the probability that no other trial dominates it and that it keeps the constraints; trials
            with none are left out.
    """

    chances: Mapping[int, float]

    def __getitem__(self, number: int) -> float:
        return self.chances.get(number, 0.0)

    def near(self, trials: Iterable[Trial], front: ParetoFront) -> tuple[Trial, ...]:
        """Those of `trials` off `front` that have a probability of at least `NEAR` to be on it, likeliest first."""
        able = [trial for trial in trials if self[trial.number] >= NEAR and trial.number not in front]
        return tuple(sorted(able, key=lambda trial: (-self[trial.number], trial.number)))


def pareto_probability(
    trials: Sequence[Trial],
    objectives: Sequence[Objective],
    constraints: Sequence[Constraint] = (),
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> ParetoProbability:
    """The probability of each of `trials` to be on their Pareto front.

    Fronts of many draws are counted. In a draw each metric of each trial is drawn by itself, such that its 2.5 %, 50 %
    and 97.5 % quantiles are the low end of its interval, the measured value and the high end: half of a normal
    distribution on each side, as intervals need not be symmetric. A metric without an interval is taken as exact.
    Trials scored on the same examples err alike, which independent draws do not know: probabilities are nearer to the
    middle than they have to be.

    Args:
        trials: Those that are not complete are passed over.
        objectives: What is optimised.
        constraints: What has to be kept, in each draw anew.
        samples: How many draws.
        seed: The same seed and trials give the same answer.
    """
    able = [trial for trial in trials if trial.state == "complete"]
    names = list(dict.fromkeys([o.name for o in objectives] + [c.name for c in constraints]))
    ends = np.array([[_ends(trial, name) for name in names] for trial in able]).reshape(-1, len(names), 3)
    kept = _hopeful(ends, names, objectives, constraints)
    able, ends = [trial for trial, keep in zip(able, kept, strict=True) if keep], ends[kept]
    counts = np.zeros(len(able))
    random = np.random.default_rng(seed)
    for _ in range(samples if able else 0):
        draw = _draw(ends, random.standard_normal(ends.shape[:2]))
        counts += nondominated(_points(draw, names, objectives, constraints))
    return ParetoProbability({trial.number: float(n) / samples for trial, n in zip(able, counts, strict=True) if n})


def _ends(trial: Trial, name: str) -> tuple[float, float, float]:
    """The low end, the value and the high end of a metric."""
    value = trial.metrics[name]
    low, high = trial.intervals.get(name, (value, value))
    return min(low, value), value, max(high, value)


def _draw(ends: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The values that lie `z` standard deviations from the measured ones, shape (trials, metrics)."""
    low, value, high = ends[..., 0], ends[..., 1], ends[..., 2]
    drawn: np.ndarray = value + z / Z_95 * np.where(z < 0, value - low, high - value)
    return drawn


def _points(
    values: np.ndarray, names: Sequence[str], objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> np.ndarray:
    """Objectives that are better the less they are, shape (trials, objectives); NaN where a constraint is broken."""
    rows = [dict(zip(names, row, strict=True)) for row in values.tolist()]
    none = [np.nan] * len(objectives)
    points = [[o.loss(row) for o in objectives] if all(c.holds(row) for c in constraints) else none for row in rows]
    return np.array(points).reshape(-1, len(objectives))


def _hopeful(
    ends: np.ndarray, names: Sequence[str], objectives: Sequence[Objective], constraints: Sequence[Constraint]
) -> np.ndarray:
    """A mask of the trials that no other surely dominates, shape (trials,): the others change nothing in any draw."""
    better = np.array([-1.0 if _less_is_better(name, objectives, constraints) else 1.0 for name in names])
    best, worst = (
        _points(_draw(ends, np.broadcast_to(side * Z_SURE * better, ends.shape[:2])), names, objectives, constraints)
        for side in (1, -1)
    )
    sure = worst[nondominated(worst)]
    hopeful: np.ndarray = ~np.isnan(best).any(axis=1)
    for index in np.flatnonzero(hopeful):
        no_worse, strictly = (sure <= best[index]).all(axis=1), (sure < best[index]).any(axis=1)
        hopeful[index] = not (no_worse & strictly).any()
    return hopeful


def _less_is_better(name: str, objectives: Sequence[Objective], constraints: Sequence[Constraint]) -> bool:
    for objective in objectives:
        if objective.name == name:
            return objective.direction == "minimize"
    return any(c.compare.startswith("<") for c in constraints if c.name == name)
