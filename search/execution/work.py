"""The work of a worker for one trial."""

from __future__ import annotations

import platform
import time
import traceback
from dataclasses import replace
from typing import Protocol, Self, runtime_checkable

from pipelines import Evaluation, TaskChanged, TrialFailed
from pipelines.ledger import Ledger
from pipelines.store import Store
from search.errors import FullDiskError, SweepError, is_full
from search.execution.gpu_memory import gpu_memory_reason, lacks_gpu_memory
from search.execution.usage import Usage
from search.study.outcome import Complete, Failed
from search.study.trial import Result
from spaces import Recipe

CPU_SIGN = "DefaultCPUAllocator: "
"""With this torch begins to say that there is too little memory, in an error without a type of its own."""

LESS_MEMORY = (
    "use a smaller batch, or set cluster.max_concurrent_trials so that fewer trials run at once, or "
    "cluster.memory_per_trial so that Ray gives a node no more of them than it has memory for"
)


class Evaluate(Protocol):
    """The function that evaluates a recipe: `pipelines.Evaluator`, or one with a known answer in tests."""

    def __call__(self, recipe: Recipe, fidelity: float = 1.0) -> Evaluation:
        """Evaluate `recipe` when its trainings, the teacher's apart, run `fidelity` of their epochs.

        Raises:
            TrialFailed: the recipe cannot become a measured file.
        """


@runtime_checkable
class Prepares(Protocol):
    """Has something to load before the first recipe: `pipelines.Evaluator`, for one."""

    def prepare(self) -> None:
        """Load it; an exception says that no recipe can be evaluated in this process."""


@runtime_checkable
class Keeps(Protocol):
    """Keeps results of stages in a store: `pipelines.Evaluator`, for one."""

    @property
    def store(self) -> Store:
        """Where."""

    def keep_in(self, store: Store) -> Self:
        """The same with another store."""


def run_trial(number: int, recipe: Recipe, evaluate: Evaluate, fidelity: float = 1.0) -> Result:
    """Do one trial's work, with `fidelity` of its trainings. Whatever goes wrong becomes the reason of a failed result.

    Raises:
        FullDiskError: it could not be done for want of room.
        SweepError: it would be done for another task than the sweep's, or no trial can be done where this one runs.
    """
    started, usage, ledger = time.time(), Usage(), Ledger()
    with usage, ledger:
        found = _attempt(recipe, evaluate, fidelity)
    outcome = found if isinstance(found, Failed) else Complete(found.measurement, found.model)
    # By the clock of the ledger: its accounts are all of the time in between, also if the machine's clock is set.
    finished = started + sum(ledger.seconds.values())
    result = Result(
        number, started, finished, outcome, fidelity, seconds=ledger.seconds, usage=usage.series, node=platform.node()
    )
    if isinstance(found, Failed):
        return result
    return replace(result, stages=found.stages, other_stages=found.other_stages, unmeasured=found.unmeasured)


def _attempt(recipe: Recipe, evaluate: Evaluate, fidelity: float) -> Evaluation | Failed:
    """Evaluate `recipe`: the outcome, or why it cannot be done."""
    try:
        _prepare(evaluate)
        # A function of the recipe alone will do where no trial is stopped on its way.
        return evaluate(recipe) if fidelity == 1 else evaluate(recipe, fidelity)
    except TrialFailed as error:
        return Failed(gpu_memory_reason(error) if lacks_gpu_memory(error) else error.reason)
    except TaskChanged as error:
        raise SweepError(
            f"{error} since the sweep was started; put it back and run the same command to resume, or start anew with "
            "--fresh (the old one is kept aside)"
        ) from error
    except SweepError:
        raise
    except SystemExit as ending:
        if hasattr(ending, "ray_terminate_msg"):  # Ray ends this worker
            raise
        advice = "raise an exception that says what is wrong"
        return Failed(f"the task, or what it uses, called sys.exit({ending.code!r}); {advice}", traceback.format_exc())
    except Exception as error:
        if lacks_gpu_memory(error):
            return Failed(gpu_memory_reason(error), traceback.format_exc())
        if isinstance(error, MemoryError) or CPU_SIGN in str(error):
            return Failed(f"out of memory; {LESS_MEMORY}", traceback.format_exc())
        if is_full(error):
            raise FullDiskError.of(error) from error
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return Failed(reason, traceback.format_exc())


def _prepare(evaluate: Evaluate) -> None:
    """Load what every recipe needs.

    Raises:
        SweepError: that is not possible here.
    """
    try:
        if isinstance(evaluate, Prepares):
            evaluate.prepare()
    except (TaskChanged, MemoryError):
        raise
    except Exception as error:
        if is_full(error):
            raise
        reason = f"{type(error).__name__}: {error}" if isinstance(error, ImportError) or not str(error) else str(error)
        raise SweepError(
            f"the task cannot be loaded where trials run, on {platform.node()}: {reason}; it could be on the driver's "
            "machine: what it needs (packages, data, variables of the environment) has to be on each node. Then run "
            "the same command"
        ) from error
