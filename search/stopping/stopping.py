"""Early stopping: which trials are measured on their way, and which of them end there."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from pipelines import Task
from pipelines.epochs import epochs_of
from pipelines.forecast import has_known_structure
from search.config.objective import is_structural
from search.config.sweep_config import SweepConfig
from search.stopping.halving import ETA, RUNGS, place
from search.stopping.structure import broken, dominator, may_dominate
from search.study.front import ParetoFront
from search.study.rung import Rung
from search.study.trial import Trial
from spaces import counted

UNTRAINED, WHOLE = 0.0, 1.0
"""The lowest and the highest fidelity of its trainings that a trial is measured at."""


class Stopping:
    """Says how far trials go.

    It looks at a sweep as it stands at that moment and keeps nothing, so that a sweep that goes on after an
    interruption is judged as if there had been none.

    Args:
        config: The sweep.
        task: The person's task, which may have a score of its own; if that is known.
    """

    def __init__(self, config: SweepConfig, task: Task | None = None) -> None:
        self._config, self._mode, self._task = config, config.search.stopping, task

    def fidelities(self, trial: Trial, front: ParetoFront) -> tuple[float, ...]:
        """The shares of its trainings after which `trial` is measured: only those where it could be stopped, and 1.

        The uncompressed teacher is what all others refer to and is never stopped; without training there is nothing
        to be saved.
        """
        epochs = [count for count in epochs_of(trial.recipe, self._config.training) if count]
        if trial.number == 0 or not epochs or self._mode == "none":
            return (WHOLE,)
        shares = RUNGS if self._mode == "halving" else ()
        # Of shares that come to the same whole epochs one is enough.
        different = {tuple(ceil(fidelity * count) for count in epochs): fidelity for fidelity in (*shares, WHOLE)}
        first = (UNTRAINED,) if self._may_end_untrained(trial, front) else ()
        return (*first, *different.values())

    def judge(self, trial: Trial, trials: Iterable[Trial], front: ParetoFront) -> str:
        """The reason why `trial` ends at the rung that it has reached last; empty if it goes on.

        Args:
            trial: With that rung.
            trials: All trials of the sweep, this one among them or not.
            front: The sweep's front now.
        """
        rung = trial.rungs[-1]
        if trial.number == 0 or rung.fidelity == WHOLE:
            return ""
        return self._by_structure(trial, rung, front) or self._by_halving(trial, rung, trials)

    def _may_end_untrained(self, trial: Trial, front: ParetoFront) -> bool:
        is_bound = any(is_structural(constraint.name) for constraint in self._config.constraints)
        return has_known_structure(trial.recipe) and (
            is_bound or may_dominate(front.members, front.objectives, self._task)
        )

    def _by_structure(self, trial: Trial, rung: Rung, front: ParetoFront) -> str:
        if not has_known_structure(trial.recipe):
            return ""
        if constraint := broken(rung, self._config.constraints):
            value = rung.measurement.metrics[constraint.name]
            return f"{_when(rung)} it breaks {constraint}: {constraint.name} is {value:.4g} whatever it learns"
        if member := dominator(rung, front.members, front.objectives, self._task):
            return f"{_when(rung)} trial {member.number} ({member.label}) is better whatever it learns"
        return ""

    def _by_halving(self, trial: Trial, rung: Rung, trials: Iterable[Trial]) -> str:
        if self._mode != "halving" or rung.fidelity == UNTRAINED:
            return ""
        reached = {other.number: at for other in trials if (at := other.at(rung.fidelity))} | {trial.number: rung}
        found = place(trial.number, reached, self._config.objectives, self._config.constraints)
        if found.goes_on:
            return ""
        came = counted(found.of, "trial")
        return f"{_when(rung)} {found.ahead} of the {came} that came so far did better; 1 of {ETA} goes on"


def _when(rung: Rung) -> str:
    return f"after {rung.fidelity:.0%} of its training" if rung.fidelity else "before its training"
