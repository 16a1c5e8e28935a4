"""The Pareto front: the trials that no other trial beats in every objective."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import moocore
import numpy as np

from search.config.objective import Constraint, Objective
from search.study.trial import Trial

REFERENCE_MARGIN = 1.1
"""The reference point of the hypervolume lies this far beyond the baseline in each minimised objective."""


@dataclass(frozen=True)
class ParetoFront:
    """The non-dominated trials among the complete ones that keep the constraints.

    Attributes:
        objectives: What is optimised.
        members: The trials, in the order of the first objective, best first.
    """

    objectives: tuple[Objective, ...]
    members: tuple[Trial, ...]

    def __contains__(self, number: int) -> bool:
        return any(trial.number == number for trial in self.members)

    @cached_property
    def losses(self) -> np.ndarray:
        """The objectives of the members with the sign that makes less better, shape (members, objectives)."""
        return losses(self.members, self.objectives)

    def joined(self, trial: Trial, constraints: Sequence[Constraint]) -> ParetoFront:
        """The front with the complete `trial` besides; this very one, if that changes nothing.

        It takes time in proportion to the members, and asks none of them for its numbers again.
        """
        if not all(constraint.holds(trial.metrics) for constraint in constraints):
            return self
        loss = losses([trial], self.objectives)
        mask = nondominated(np.vstack([self.losses, loss]))
        if not mask[-1]:
            return self
        kept = [member for member, keep in zip(self.members, mask[:-1], strict=True) if keep]
        order = [(row[0], member.number) for row, member in zip(self.losses[mask[:-1]], kept, strict=True)]
        place = bisect_left(order, (loss[0, 0], trial.number))
        front = ParetoFront(self.objectives, (*kept[:place], trial, *kept[place:]))
        vars(front)["losses"] = np.insert(self.losses[mask[:-1]], place, loss[0], axis=0)
        return front

    def thinned(self, count: int) -> ParetoFront:
        """The front with `count` members at most, 1 or more: every n-th, so that they lie all along it."""
        return replace(self, members=self.members[:: max(1, -(-len(self.members) // count))])

    def hypervolume(self, baseline: Trial | None) -> float:
        """The share of the region between the reference point and the ideal that the front dominates.

        Every objective is divided by the baseline's value. A minimised objective runs from 1.1 (the reference) to 0, a
        maximised one from 0 (the reference) upwards, so that a front that keeps the baseline's accuracy at no cost has
        the value 1. Source of the indicator: E. Zitzler and L. Thiele, 1998; computed by moocore.

        Returns:
            A number that can be compared within and between sweeps with the same objectives; 0 without a baseline.
        """
        if baseline is None or not baseline.metrics or not self.members:
            return 0.0
        return self.dominated_share({o.name: abs(baseline.metrics[o.name]) for o in self.objectives})

    def dominated_share(self, scale: Mapping[str, float]) -> float:
        """The hypervolume when each objective is divided by its value in `scale` instead of by the baseline's."""
        return dominated_share(self.losses, self.objectives, scale)


def dominated_share(points: np.ndarray, objectives: Sequence[Objective], scale: Mapping[str, float]) -> float:
    """The hypervolume of `ParetoFront.hypervolume` for any points.

    Args:
        points: Less is better, shape (points, objectives); see `losses`.
        objectives: What is optimised.
        scale: By which each objective is divided.
    """
    if not len(points):
        return 0.0
    divisor = np.array([scale[o.name] or 1.0 for o in objectives])
    reference = np.array([REFERENCE_MARGIN if o.direction == "minimize" else 0.0 for o in objectives])
    volume = moocore.hypervolume(points / divisor, ref=reference)
    return float(volume) / REFERENCE_MARGIN ** sum(o.direction == "minimize" for o in objectives)


def pareto_front(
    trials: Iterable[Trial], objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
) -> ParetoFront:
    """The front of `trials`; those that are not complete or break a constraint are passed over."""
    able = [
        trial
        for trial in trials
        if trial.state == "complete" and all(constraint.holds(trial.metrics) for constraint in constraints)
    ]
    mask = nondominated(losses(able, objectives))
    members = [trial for trial, keep in zip(able, mask, strict=True) if keep]
    members.sort(key=lambda trial: (objectives[0].loss(trial.metrics), trial.number))
    return ParetoFront(tuple(objectives), tuple(members))


def best_first(trials: Iterable[Trial], objectives: Sequence[Objective], count: int) -> tuple[Trial, ...]:
    """`count` of `trials` at most: those on their front, then those on the front of the rest, and so on."""
    left, chosen = list(trials), list[Trial]()
    while left and len(chosen) < count:
        members = pareto_front(left, objectives).thinned(count - len(chosen)).members
        numbers = {trial.number for trial in members}
        chosen += members
        left = [trial for trial in left if trial.number not in numbers]
    return tuple(chosen)


def losses(trials: Sequence[Trial], objectives: Sequence[Objective]) -> np.ndarray:
    """The objectives of `trials` with the sign that makes less better, shape (trials, objectives)."""
    return np.array([[o.loss(trial.metrics) for o in objectives] for trial in trials]).reshape(-1, len(objectives))


def nondominated(points: np.ndarray) -> np.ndarray:
    """A mask of the points that no other point dominates.

    Args:
        points: Less is better, shape (points, objectives). A row with a NaN is dominated by any other.

    Returns:
        A mask, shape (points,). Equal points are all kept.
    """
    mask: np.ndarray = ~np.isnan(points).any(axis=1)
    if mask.any():
        mask[mask] = moocore.is_nondominated(points[mask], keep_weakly=True)
    return mask
