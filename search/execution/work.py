"""What a worker does for one trial."""

from __future__ import annotations

import time
import traceback
from typing import Protocol

from pipelines import Outcome, TrialFailed
from search.errors import FullDiskError, is_full
from search.execution.usage import Usage
from search.study.trial import Result
from spaces import Recipe


class Evaluate(Protocol):
    """What a worker does with a recipe; `pipelines.Evaluator`, or a function with a known answer in tests."""

    def __call__(self, recipe: Recipe, fidelity: float = 1.0) -> Outcome:
        """What comes of `recipe` when its trainings, the teacher's apart, run `fidelity` of their epochs.

        Raises:
            TrialFailed: the recipe cannot become a measured file.
        """


def run_trial(number: int, recipe: Recipe, evaluate: Evaluate, fidelity: float = 1.0) -> Result:
    """Do one trial's work, with `fidelity` of its trainings. Whatever goes wrong becomes the reason of a failed result.

    Raises:
        FullDiskError: it could not be done for want of room.
    """
    started, usage = time.time(), Usage()

    def failed(reason: str, details: str = "") -> Result:
        return Result(
            number, started, time.time(), reason=reason, details=details, fidelity=fidelity, usage=usage.series
        )

    try:
        with usage:
            # A function of the recipe alone will do where no trial is stopped on its way.
            outcome = evaluate(recipe) if fidelity == 1 else evaluate(recipe, fidelity)
    except TrialFailed as error:
        return failed(error.reason)
    except MemoryError:
        reason = "out of memory; use a smaller batch, or raise cluster.cpus_per_trial so that fewer trials run at once"
        return failed(reason, traceback.format_exc())
    except Exception as error:
        if is_full(error):
            raise FullDiskError.of(error) from error
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return failed(reason, traceback.format_exc())
    found = outcome.measurement
    return Result(
        number,
        started,
        time.time(),
        metrics=dict(found.metrics),
        intervals=dict(found.intervals),
        notes=dict(found.notes),
        fidelity=fidelity,
        stages=outcome.stages,
        model=outcome.model,
        seconds=dict(outcome.seconds),
        usage=usage.series,
    )
