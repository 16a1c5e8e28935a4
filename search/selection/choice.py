"""Choosing one configuration of a front, and saying why that one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.config.objective import Constraint, Objective
from search.errors import SweepError
from search.selection.conflict import explain
from search.selection.preference import Best, Knee, Preference
from search.study.front import ParetoFront
from search.study.trial import Trial


@dataclass(frozen=True)
class Choice:
    """The trial that was chosen, and its runner-up.

    Attributes:
        trial: What was chosen.
        reason: Why, in one sentence for people.
        feasible: How many members of the front keep the constraints.
        members: How many members the front has.
        runner_up: What would have been chosen without it, if there is anything.
        costs: What taking the runner-up instead would cost in each objective, in its unit; less than 0 is a gain. What
            was not measured is left out.
    """

    trial: Trial
    reason: str
    feasible: int
    members: int
    runner_up: Trial | None
    costs: Mapping[str, float]


def pick(
    front: ParetoFront, constraints: Sequence[Constraint] = (), prefer: Preference | Objective | None = None
) -> Choice:
    """One member of `front` that keeps `constraints`.

    Args:
        front: What may be chosen.
        constraints: What has to hold; a metric that was not measured keeps no constraint.
        prefer: What decides; the best in a metric, when it is an `Objective`, and the knee, when None.

    Raises:
        SweepError: the front is empty, no member keeps all constraints, or none has what decides.
    """
    if not front.members:
        raise SweepError("the front is empty: no trial is complete and within the sweep's constraints")
    able = [trial for trial in front.members if all(constraint.holds(trial.metrics) for constraint in constraints)]
    if not able:
        raise SweepError(explain(front.members, constraints))
    preference = Best(prefer) if isinstance(prefer, Objective) else prefer or Knee()
    for name in preference.needs(front.objectives):
        if not any(name in trial.metrics for trial in able):
            raise SweepError(f"no member of the front has {name}: {able[0].absence(name)}")
    scores = preference.scores(able, front.members, front.objectives)
    order = np.lexsort((np.array([trial.number for trial in able]), scores))
    if not np.isfinite(scores[order[0]]):
        raise SweepError(f"no member of the front has all of {', '.join(preference.needs(front.objectives))}")
    chosen = able[order[0]]
    second = able[order[1]] if len(able) > 1 and np.isfinite(scores[order[1]]) else None
    among = f"{len(able)} of {len(front.members)} front members"
    if constraints:
        among += f" with {' and '.join(map(str, constraints))}" + _unmeasured(front.members, constraints)
    reason = f"{preference} of {among}"
    costs = _costs(chosen, second, front.objectives) if second else {}
    if second:
        told = [_told(second, objective, costs) for objective in front.objectives]
        extra = [name for name in preference.needs(front.objectives) if name not in {o.name for o in front.objectives}]
        told = [f"{name} {second.metrics[name]:.4g}" for name in extra if name in second.metrics] + told
        reason += f"; next comes trial {second.number}: {', '.join(told)}"
    return Choice(chosen, reason, len(able), len(front.members), second, costs)


def _costs(chosen: Trial, other: Trial, objectives: Sequence[Objective]) -> dict[str, float]:
    both = [o for o in objectives if o.name in chosen.metrics and o.name in other.metrics]
    return {o.name: o.loss(other.metrics) - o.loss(chosen.metrics) for o in both}


def _told(trial: Trial, objective: Objective, costs: Mapping[str, float]) -> str:
    """An objective of the runner-up beside the chosen one's."""
    if objective.name not in trial.metrics:
        return f"{objective.name} not measured"
    cost = costs.get(objective.name, 0.0)
    beside = f"{abs(cost):.3g} {'worse' if cost > 0 else 'better'}" if cost else "the same"
    return f"{objective.name} {trial.metrics[objective.name]:.4g} ({beside})"


def _unmeasured(members: Sequence[Trial], constraints: Sequence[Constraint]) -> str:
    """Constrained metrics that some members lack, in brackets."""
    names = dict.fromkeys(constraint.name for constraint in constraints)
    counts = {name: sum(name not in trial.metrics for trial in members) for name in names}
    lacking = [f"{name} was not measured for {count}" for name, count in counts.items() if count]
    return f" ({', '.join(lacking)})" if lacking else ""
