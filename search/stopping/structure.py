"""Stopping by the structure of a network, before it is trained: a bound that it breaks, a trial that it cannot beat."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from pipelines import Task
from pipelines.meters import Interval
from pipelines.meters.by_target import metric
from pipelines.runtimes import bare
from search.config.objective import Constraint, Objective, is_structural
from search.study.rung import Rung
from search.study.trial import Trial

SLACK: Mapping[str, float] = {"parameters": 0.0, "macs": 0.0, "size_mb": 0.02, "size_ratio": 0.02, "latency_ratio": 0.1}
"""By how much of its value a number may be better after the training than before; `ANY_SLACK` for all others.

Measured on digits before and after training: sizes differ by up to 0.6 % (constants that are equal are stored once, and
an untrained network has more of them), ratios of latencies by 2.5 %, and latencies by 27 % on a busy machine, where the
interval of each measurement by itself had less than 2 %."""

ANY_SLACK = 0.3


def broken(rung: Rung, constraints: Iterable[Constraint]) -> Constraint | None:
    """The first bound on the structure that is broken even at the better end, with the slack; None if none is."""
    for constraint in constraints:
        ends = _ends(rung, constraint.name) if is_structural(constraint.name) else None
        if ends and not any(constraint.holds({constraint.name: end}) for end in ends):
            return constraint
    return None


def dominator(
    rung: Rung, members: Iterable[Trial], objectives: Sequence[Objective], task: Task | None = None
) -> Trial | None:
    """The first of `members` that dominates the trial at `rung` whatever its trained weights will reach, or None.

    Intervals are taken at the ends that speak for the trial, so that noise stops nobody: its own, with the slack, at
    the better one, the members' at the worse one. What depends on weights is taken for the best that it can be; with a
    score of the `task`'s own there is no best.
    """
    hopes = [_hope(rung, objective, task) for objective in objectives]
    for member in members:
        fears = [_fear(member, objective) for objective in objectives]
        if all(fear <= hope for fear, hope in zip(fears, hopes, strict=True)) and fears != hopes:
            return member
    return None


def may_dominate(members: Iterable[Trial], objectives: Sequence[Objective], task: Task | None = None) -> bool:
    """Return True if one of `members` could dominate some trial by its structure; for `task` see above."""
    if not any(is_structural(objective.name) for objective in objectives):
        return False
    limits = [(o, _bound(o, task)) for o in objectives if not is_structural(o.name)]
    return any(all(_fear(member, objective) <= limit for objective, limit in limits) for member in members)


def _hope(rung: Rung, objective: Objective, task: Task | None) -> float:
    """The least loss that the trial at `rung` can end with."""
    if not is_structural(objective.name):
        return _bound(objective, task)
    ends = _ends(rung, objective.name)
    return min(objective.loss({objective.name: end}) for end in ends) if ends else -math.inf


def _fear(member: Trial, objective: Objective) -> float:
    """The largest loss that `member` may have in truth."""
    name = objective.name
    if name not in member.metrics:
        return math.inf
    ends = member.intervals.get(name, (member.metrics[name],))
    return max(objective.loss({name: end}) for end in ends)


def _bound(objective: Objective, task: Task | None) -> float:
    """The loss that no trial goes below; minus infinity if none is known."""
    looked_at = metric(objective.name)
    best = looked_at.best_for(task) if task else looked_at.best
    if best is None or looked_at.direction != objective.direction:
        return -math.inf
    return objective.loss({objective.name: best})


def _ends(rung: Rung, name: str) -> Interval | None:
    """Between what a number of the structure lies after the training; None if that cannot be told."""
    measured = rung.measurement
    value = measured.metrics.get(name)
    # Numbers that are not exact decide only where their interval is known.
    interval = measured.intervals.get(name, (value, value) if value is not None and metric(name).exact else None)
    if interval is None:
        return None
    slack = SLACK.get(bare(name), ANY_SLACK)
    return interval[0] * (1 - slack), interval[1] * (1 + slack)
