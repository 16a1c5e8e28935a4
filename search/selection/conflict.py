"""Conflicts of constraints: the fewest of them that exclude every trial, and how far away the nearest is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from pipelines.meters.by_target import metric
from search.config.objective import Constraint
from search.study.trial import Trial
from spaces import counted


def conflicts(trials: Sequence[Trial], constraints: Sequence[Constraint]) -> list[tuple[Constraint, ...]]:
    """The fewest of `constraints` that no trial keeps together.

    Returns:
        Every single constraint that excludes all of `trials`; if there is none, every pair that does; if there is no
        pair either, one set of which no constraint can be left out.
    """
    distinct = list(dict.fromkeys(constraints))
    for size in (1, 2):
        if found := [some for some in combinations(distinct, size) if not _keeping(trials, some)]:
            return found
    needed = list(distinct)
    for constraint in distinct:
        rest = [each for each in needed if each != constraint]
        if not _keeping(trials, rest):
            needed = rest
    return [tuple(needed)]


def explain(trials: Sequence[Trial], constraints: Sequence[Constraint]) -> str:
    """The `constraints` that exclude all of `trials`, and for each how far the nearest trial is, in its unit."""
    parts = []
    for conflict in conflicts(trials, constraints):
        if len(conflict) == 1:
            parts.append(f"{conflict[0]} alone excludes all ({_nearest(trials, conflict[0])}{_never(conflict[0])})")
            continue
        counts = ", ".join(f"{each} is kept by {len(_keeping(trials, [each]))}" for each in conflict)
        ways = []
        for each in conflict:
            others = [other for other in conflict if other != each]
            ways.append(f"with {' and '.join(map(str, others))}, {_nearest(_keeping(trials, others), each)}")
        together = "both together" if len(conflict) == 2 else "all together"
        parts.append(f"{counts}, {together} by none ({'; '.join(ways)})")
    return f"no member of the front keeps every constraint; of {counted(len(trials), 'member')}: " + "; ".join(parts)


def _keeping(trials: Sequence[Trial], constraints: Sequence[Constraint]) -> list[Trial]:
    return [trial for trial in trials if all(constraint.holds(trial.metrics) for constraint in constraints)]


def _never(constraint: Constraint) -> str:
    """The end of the metric's range, if the bound is beyond it."""
    looked_at = metric(constraint.name)
    reason = constraint.out_of_reach(looked_at.best)
    unless = ", unless the task's own score says otherwise" if looked_at.of_score else ""
    return f"; {reason}{unless}" if reason else ""


def _nearest(trials: Sequence[Trial], constraint: Constraint) -> str:
    """The trial that misses `constraint` by least, and by how much."""
    name = constraint.name
    nearest = min(trials, key=lambda trial: (constraint.violation(trial.metrics), trial.number))
    if name not in nearest.metrics:
        return f"{name} is not there: {nearest.absence(name)}"
    miss = constraint.violation(nearest.metrics)
    far = f"{miss:.3g} too {'much' if constraint.compare.startswith('<') else 'little'}" if miss else "at the bound"
    return f"nearest: trial {nearest.number} with {name} {nearest.metrics[name]:.4g}, {far}"
