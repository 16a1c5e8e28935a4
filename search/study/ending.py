"""A trial's end in Optuna's terms: what the journal and the sampler's study are told alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from optuna.trial import TrialState

from search.config.objective import Constraint, Objective, is_structural
from search.study.outcome import Complete, Failed, Stopped
from search.study.trial import Trial


@dataclass(frozen=True)
class Ending:
    """A trial's end as Optuna takes it.

    Attributes:
        state: Complete, pruned or failed.
        values: One for each objective, in their order; None unless complete.
        violations: By how much constraints are missed, by their text; of a trial that was stopped, the structural ones
            as far as it came; of a failed one, none.
    """

    state: TrialState
    values: list[float] | None = None
    violations: dict[str, float] = field(default_factory=dict)


def ending(trial: Trial, objectives: Sequence[Objective], constraints: Iterable[Constraint]) -> Ending:
    """The end of `trial`.

    Raises:
        ValueError: it is running.
    """
    match trial.outcome:
        case Complete(measurement):
            metrics = measurement.metrics
            violations = {str(constraint): constraint.violation(metrics) for constraint in constraints}
            return Ending(TrialState.COMPLETE, [metrics[objective.name] for objective in objectives], violations)
        case Stopped():
            return Ending(TrialState.PRUNED, violations=structural_violations(trial, constraints))
        case Failed():
            return Ending(TrialState.FAIL)
        case None:
            raise ValueError(f"trial {trial.number} is running")
        case unknown:
            assert_never(unknown)


def structural_violations(trial: Trial, constraints: Iterable[Constraint]) -> dict[str, float]:
    """The violation of each bound on the structure, by its text, as far as `trial` came; see `Constraint`."""
    metrics = trial.rungs[-1].measurement.metrics if trial.rungs else {}
    known = (c for c in constraints if is_structural(c.name) and c.name in metrics)
    return {str(constraint): constraint.violation(metrics) for constraint in known}
