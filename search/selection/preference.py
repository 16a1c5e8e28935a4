"""Preferences that decide a front: one metric, the knee, or weights. Each gives every trial a score; the least wins."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipelines import METRICS
from pipelines.meters.by_target import metric
from pipelines.runtimes import bare
from search.config.objective import NAME, Objective
from search.study.front import losses
from search.study.trial import Trial
from spaces import InputError, Problem, illegal, shown

TIE = 1e-3
"""How much the sum of all losses counts beside the largest: it decides between trials that are equal in that."""


class Preference(Protocol):
    """A way to decide between the members of a front."""

    def scores(self, able: Sequence[Trial], members: Sequence[Trial], objectives: Sequence[Objective]) -> np.ndarray:
        """A score for each of `able`, less is better, infinite where it cannot be told; shape (able,).

        Args:
            able: What may be chosen.
            members: The whole front, to which they belong.
            objectives: What the sweep optimises.
        """

    def needs(self, objectives: Sequence[Objective]) -> tuple[str, ...]:
        """The metrics by which it decides."""

    def __str__(self) -> str:
        """The words for the winner, as in "… of 3 of 7 front members"."""


@dataclass(frozen=True)
class Best:
    """The best in one metric."""

    metric: Objective

    def scores(self, able: Sequence[Trial], members: Sequence[Trial], objectives: Sequence[Objective]) -> np.ndarray:
        """See `Preference.scores`."""
        return losses(able, [self.metric])[:, 0]

    def needs(self, objectives: Sequence[Objective]) -> tuple[str, ...]:
        """See `Preference.needs`."""
        return (self.metric.name,)

    def __str__(self) -> str:
        return f"the {'least' if self.metric.direction == 'minimize' else 'largest'} {self.metric.name}"


@dataclass(frozen=True)
class Knee:
    """The point nearest to the ideal, when every objective is scaled to run from 0 to 1 over what may be chosen.

    Source: M. Zeleny, "Compromise Programming", 1973, with the Euclidean distance and equal weights.
    """

    def scores(self, able: Sequence[Trial], members: Sequence[Trial], objectives: Sequence[Objective]) -> np.ndarray:
        """See `Preference.scores`."""
        points = losses(able, objectives)
        distances: np.ndarray = np.linalg.norm(scaled(points, points), axis=1)
        return distances

    def needs(self, objectives: Sequence[Objective]) -> tuple[str, ...]:
        """See `Preference.needs`."""
        return tuple(objective.name for objective in objectives)

    def __str__(self) -> str:
        return "the knee"


@dataclass(frozen=True)
class Weights:
    """The least weighted distance from the ideal in the metric that is worst: weighted Chebyshev.

    Every metric is scaled to run from 0 to 1 over the whole front, whatever the constraints leave of it. The largest of
    the weighted losses counts, and a thousandth of the sum of all, so that no dominated trial wins. A weighted sum
    could not choose what lies in a hollow of the front; this can choose any member. An objective without a weight
    counts only between equals.

    Source: R. E. Steuer and E.-U. Choo, "An interactive weighted Tchebycheff procedure for multiple objective
    programming", Mathematical Programming 26, 1983.

    Attributes:
        by_metric: The weights, larger than 0; only their ratios matter.
    """

    by_metric: Mapping[str, float]

    @classmethod
    def parse(cls, text: str, where: str = "--weights") -> Weights:
        """Read ``accuracy=2,latency_ms=1``.

        Raises:
            InputError: everything that is wrong with `text`, given at `where`.
        """
        problems, weights = [], {}
        for part in text.split(","):
            match = re.fullmatch(rf"\s*({NAME})\s*=\s*(\S+)\s*", part)
            value = _number(match[2]) if match else None
            if not match or value is None:
                problems.append(
                    Problem(where, f"{shown(part.strip())} is not METRIC=NUMBER with a number larger than 0")
                )
            elif bare(match[1]) not in METRICS:
                problems.append(Problem(where, illegal(bare(match[1]), list(METRICS))))
            elif match[1] in weights:
                problems.append(Problem(where, f"{match[1]} is given twice"))
            else:
                weights[match[1]] = value
        if problems:
            raise InputError(problems)
        return cls(weights)

    def scores(self, able: Sequence[Trial], members: Sequence[Trial], objectives: Sequence[Objective]) -> np.ndarray:
        """See `Preference.scores`."""
        own = {objective.name: objective for objective in objectives}
        weighed = [own.get(name) or Objective(name, metric(name).direction) for name in self.by_metric]
        looked_at = [*weighed, *(o for o in objectives if o.name not in self.by_metric)]
        shares = np.array([*self.by_metric.values(), *[0.0] * (len(looked_at) - len(weighed))])
        far = scaled(losses(able, looked_at), losses(members, looked_at))
        largest = (far[:, : len(weighed)] * shares[: len(weighed)] / shares.max()).max(axis=1)
        total: np.ndarray = largest + TIE * far.sum(axis=1)
        return total

    def needs(self, objectives: Sequence[Objective]) -> tuple[str, ...]:
        """See `Preference.needs`."""
        return tuple(self.by_metric)

    def __str__(self) -> str:
        return "the best by weights " + ", ".join(f"{name}={value:g}" for name, value in self.by_metric.items())


def scaled(points: np.ndarray, among: np.ndarray) -> np.ndarray:
    """`points` scaled so that each column of `among` runs from 0, the best, to 1; what is infinite stays so.

    Args:
        points: Less is better, shape (points, metrics).
        among: The same metrics of those that give the range, shape (others, metrics), at least one.
    """
    finite = np.where(np.isfinite(among), among, np.nan)
    known = np.isfinite(among).any(axis=0)
    low, high = np.zeros(among.shape[1]), np.ones(among.shape[1])
    low[known], high[known] = np.nanmin(finite[:, known], axis=0), np.nanmax(finite[:, known], axis=0)
    result: np.ndarray = (points - low) / np.where(high > low, high - low, 1.0)
    return result


def _number(text: str) -> float | None:
    """A finite number larger than 0, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < math.inf else None
