import errno

import pytest
import torch

from pipelines import Evaluation, StageRun, TaskChanged, TrialFailed
from pipelines.meters import Measurement
from search.errors import FullDiskError, SweepError
from search.execution.work import run_trial
from search.study.outcome import Complete, Failed
from spaces import InputError, Recipe


def cannot_cut() -> TrialFailed:
    error = TrialFailed("cannot be cut: CUDA out of memory")
    error.__cause__ = torch.OutOfMemoryError("CUDA out of memory")
    return error


FOUND = Measurement({"accuracy": 0.5}, {"accuracy": (0.4, 0.6)}, {"load": "quiet"})


def test_an_evaluation_becomes_the_result() -> None:
    stages = (StageRun("teacher", "k", 1.0, True),)
    result = run_trial(3, Recipe(), lambda recipe: Evaluation(FOUND, stages, "m"))
    assert (result.number, result.stages) == (3, stages)
    assert result.outcome == Complete(FOUND, "m")
    assert result.started <= result.finished


@pytest.mark.parametrize(
    ("error", "reason", "told_in_full"),
    [
        (TrialFailed("accuracy was measured as nan"), "accuracy was measured as nan", False),
        (ValueError("unlucky"), "ValueError: unlucky", True),
        (KeyError(), "KeyError", True),
        (MemoryError(), "out of memory; use a smaller batch, or set cluster.max_concurrent_trials", True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out of memory; use a", True),
        (torch.OutOfMemoryError("CUDA out of memory."), "out of GPU memory (CUDA out of memory.); use a smaller", True),
        (cannot_cut(), "out of GPU memory (cannot be cut: CUDA out of memory); use a smaller batch", False),
    ],
)
def test_whatever_goes_wrong_becomes_the_reason(error, reason, told_in_full) -> None:
    def evaluate(recipe):
        raise error

    failed = run_trial(0, Recipe(), evaluate).outcome
    assert isinstance(failed, Failed)
    assert failed.reason.startswith(reason)
    assert ("Traceback" in failed.details) is told_in_full


def test_an_interruption_is_no_failure() -> None:
    def evaluate(recipe):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_trial(0, Recipe(), evaluate)


def test_a_full_disk_is_no_failure_of_the_trial() -> None:
    def evaluate(recipe):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FullDiskError):
        run_trial(0, Recipe(), evaluate)


def test_a_part_of_the_trainings_is_asked_for_by_its_share() -> None:
    asked = []

    def evaluate(recipe, fidelity=1.0):
        asked.append(fidelity)
        return Evaluation(FOUND, (), "m")

    assert run_trial(0, Recipe(), evaluate, 1 / 3).fidelity == 1 / 3
    assert run_trial(0, Recipe(), lambda recipe: Evaluation(FOUND, (), "m")).fidelity == 1
    assert asked == [1 / 3]


class Unprepared:
    """Cannot load what every recipe needs."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def prepare(self) -> None:
        raise self.error

    def __call__(self, recipe, fidelity=1.0):
        pytest.fail("it was not prepared")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'nets'"), "ModuleNotFoundError: No module named 'nets'; it could be on"),
        (InputError.at("task.use", "cannot import 'mine'"), "task.use: cannot import 'mine'; it could be on"),
        (TrialFailed("the runtime 'own' is not registered"), "the runtime 'own' is not registered; it could be on"),
        (TaskChanged(["module mine has changed"]), "module mine has changed since the sweep was started; put it back"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full: "),
    ],
    ids=["package", "module", "runtime", "changed", "disk"],
)
def test_what_no_trial_can_do_without_ends_the_sweep(error: Exception, said: str) -> None:
    with pytest.raises(SweepError) as caught:
        run_trial(0, Recipe(), Unprepared(error))
    assert said in str(caught.value)
