"""A worker's way through one trial: up a fidelities of shares of its trainings, the last of which is all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipelines.ledger import FOR_DRIVER
from search.execution.work import Evaluate, run_trial
from search.study.trial import Result, Trial


class RungRunner:
    """Does a trial's work rung by rung. Whoever calls decides after each if it goes on.

    Args:
        trial: Whose work.
        fidelities: The shares of its trainings after which it is measured, growing; the last is 1.
        evaluate: What a worker does with a recipe.
    """

    def __init__(self, trial: Trial, fidelities: Sequence[float], evaluate: Evaluate) -> None:
        self._trial, self._fidelities, self._evaluate = trial, tuple(fidelities), evaluate
        self._past: Result | None = None
        self._done = 0

    @property
    def is_done(self) -> bool:
        """True if the trial is at the top: the last result is the trial's."""
        return self._done == len(self._fidelities)

    def step(self) -> Result:
        """Work up to the next rung.

        Returns:
            What the trial's worker has found and spent until now. What fails below the top says nothing about the
            trial: it shall be tried with all of its trainings.
        """
        fidelity = self._fidelities[self._done]
        self._done += 1
        result = run_trial(self._trial.number, self._trial.recipe, self._evaluate, fidelity)
        self._past = _added(self._past, result) if self._past else result
        return self._past


def _added(past: Result, new: Result) -> Result:
    """`new` with what was spent before it: a stage that an earlier rung computed was not had for nothing."""
    spent = {stage.key: stage for stage in past.computed}
    stages, others = (
        tuple(spent.pop(stage.key) if stage.reused and stage.key in spent else stage for stage in each)
        for each in (new.stages, new.other_stages)
    )
    told = {FOR_DRIVER: new.started - past.finished}
    seconds = {
        name: sum(part.get(name, 0.0) for part in (past.seconds, told, new.seconds))
        for name in {**past.seconds, **told, **new.seconds}
    }
    usage = {name: (*past.usage.get(name, ()), *new.usage.get(name, ())) for name in {**past.usage, **new.usage}}
    return replace(
        new,
        started=past.started,
        stages=stages,
        other_stages=others,
        rung_stages=tuple(spent.values()),
        seconds=seconds,
        usage=usage,
    )
