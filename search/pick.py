"""Choosing one configuration of a front, and saying why that one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.errors import SweepError
from search.front import ParetoFront, losses
from search.objective import Constraint, Objective
from search.trial import Trial


@dataclass(frozen=True)
class Pick:
    """A choice.

    Attributes:
        trial: What was chosen.
        reason: Why, in one sentence for people.
    """

    trial: Trial
    reason: str


def pick(front: ParetoFront, constraints: Sequence[Constraint] = (), best: Objective | None = None) -> Pick:
    """One member of `front` that keeps `constraints`.

    Args:
        front: What may be chosen.
        constraints: What has to hold.
        best: The metric to decide by; None for the knee, see `knee`.

    Raises:
        SweepError: the front is empty, or no member keeps all constraints.
    """
    if not front.members:
        raise SweepError("the front is empty: no trial is complete and within the sweep's constraints")
    able = [trial for trial in front.members if all(constraint.holds(trial.metrics) for constraint in constraints)]
    if not able:
        raise SweepError(_nothing_feasible(front, constraints))
    among = f"{len(able)} of {len(front.members)} front members"
    if constraints:
        among += f" with {' and '.join(map(str, constraints))}"
    if best is None:
        return Pick(able[knee(losses(able, front.objectives))], f"the knee of {among}")
    if not any(best.name in trial.metrics for trial in able):
        raise SweepError(f"no member of the front has {best.name}: {_absence(able[0], best.name)}")
    ranked = sorted(able, key=lambda trial: (best.loss(trial.metrics), trial.number))
    chosen = ranked[0]
    reason = f"the {'least' if best.direction == 'minimize' else 'largest'} {best.name} of {among}"
    if len(ranked) > 1 and best.name in ranked[1].metrics:
        second = ranked[1]
        reason += f"; next comes trial {second.number} with {best.name} {second.metrics[best.name]:.4g}"
    return Pick(chosen, reason)


def knee(points: np.ndarray) -> int:
    """The point nearest to the ideal, when every objective is scaled to run from 0 to 1 over the points.

    Source: M. Zeleny, "Compromise Programming", 1973, with the Euclidean distance.

    Args:
        points: Less is better, shape (points, objectives), at least one point.

    Returns:
        The index of the point; the first of several equally near.
    """
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    scaled = (points - low) / np.where(span > 0, span, 1.0)
    return int(np.argmin(np.linalg.norm(scaled, axis=1)))


def _nothing_feasible(front: ParetoFront, constraints: Sequence[Constraint]) -> str:
    parts = []
    for constraint in constraints:
        able = sum(constraint.holds(trial.metrics) for trial in front.members)
        nearest = min(front.members, key=lambda trial: constraint.violation(trial.metrics))
        if constraint.name not in nearest.metrics:
            parts.append(f"{constraint} is kept by none: {_absence(nearest, constraint.name)}")
            continue
        value = nearest.metrics[constraint.name]
        parts.append(f"{constraint} is kept by {able} (nearest: {value:.4g}, trial {nearest.number})")
    return f"no member of the front keeps every constraint; of {len(front.members)} members, " + "; ".join(parts)


def _absence(trial: Trial, name: str) -> str:
    return (trial.result.facts.get(name) if trial.result else None) or "it was not measured"
