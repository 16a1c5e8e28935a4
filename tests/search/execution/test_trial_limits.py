import time

import pytest
import torch

from pipelines import Evaluation, TrialFailed
from pipelines.meters import Measurement
from search.config.sections import ClusterSection
from search.execution import trial_limits
from search.execution.trial_limits import UNLIMITED, Bounded, TrialLimits
from search.execution.work import run_trial
from spaces import Recipe

FOUND = Evaluation(Measurement({"accuracy": 0.5}), (), "m")


def test_limits_are_those_of_the_file() -> None:
    assert TrialLimits.of(ClusterSection()) == UNLIMITED
    limits = TrialLimits.of(ClusterSection(trial_timeout="1h", memory_per_trial="8GB"))
    assert limits == TrialLimits(3600, 8 * 10**9)
    assert (limits.grace_s, TrialLimits(1).grace_s) == (60, 5)


def test_a_trial_that_takes_too_long_has_failed_and_its_time_goes_on_over_rungs() -> None:
    bounded = Bounded(lambda recipe, fidelity=1.0: time.sleep(60), TrialLimits(0.02), {})
    late = "the trial took more than 0s and was ended (cluster.trial_timeout); if it did not hang, raise that"
    assert run_trial(0, Recipe(), bounded, 1 / 3).outcome.reason == late
    began = time.monotonic()
    assert run_trial(0, Recipe(), bounded).outcome.reason == late
    assert time.monotonic() - began < 30
    assert bounded.killed_at is not None


def test_a_trial_within_its_limits_is_left_alone() -> None:
    bounded = Bounded(lambda recipe: FOUND, TrialLimits(60, 10**15), {})
    assert bounded(Recipe()) is FOUND
    assert not bounded.lacked_gpu_memory
    assert Bounded(lambda recipe: FOUND, UNLIMITED, {}).killed_at is None


def test_a_trial_that_uses_too_much_memory_has_failed(monkeypatch) -> None:
    monkeypatch.setattr(trial_limits, "LOOK_S", 0.01)
    bounded = Bounded(lambda recipe: time.sleep(60), TrialLimits(memory=4 * 10**9), {}, lambda limit: 5_200_000_000)
    with pytest.raises(TrialFailed) as failed:
        bounded(Recipe())
    assert failed.value.reason == (
        "the trial used 5.2 GB of memory, more than the 4 GB of cluster.memory_per_trial, and was ended; "
        "use a smaller batch, or raise that"
    )


def test_stages_are_bounded_while_the_trial_runs() -> None:
    from pipelines.time_limit import stage_limit

    def evaluate(recipe):
        with stage_limit("prune", None):
            time.sleep(60)

    with pytest.raises(TrialFailed, match="the stage prune took more than"):
        Bounded(evaluate, UNLIMITED, {"prune": 0.01})(Recipe())


def test_want_of_gpu_memory_is_noted() -> None:
    def evaluate(recipe):
        raise torch.OutOfMemoryError("CUDA out of memory")

    bounded = Bounded(evaluate, UNLIMITED, {})
    assert "out of GPU memory" in run_trial(0, Recipe(), bounded).outcome.reason
    assert bounded.lacked_gpu_memory
