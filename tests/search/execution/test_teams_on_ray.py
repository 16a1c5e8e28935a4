"""What a team's cluster does to trials: they hang, run out of GPU memory, and lose their node; on real Ray."""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster

from search.execution.ray_executor import RayExecutor
from search.study.study import Study
from search.suggest.queue import StudyQueue

pytestmark = pytest.mark.slow

DRAIN = "--reason DRAIN_NODE_REASON_PREEMPTION --reason-message spot --deadline-remaining-seconds 600"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head on which no trial fits."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    made.shutdown()


def run(config, folder, evaluate) -> Study:
    study = Study(config, folder)
    with closing(RayExecutor(config.cluster, folder.ray, nodes=folder.nodes)) as executor:
        executor.run(StudyQueue(study), evaluate, folder.results)
    return study


def test_a_trial_that_hangs_is_ended_whatever_it_does_with_signals(make_config, folder) -> None:
    """One sleeps, one is deaf to every signal, one has stopped its process; the others are complete."""

    def evaluate(recipe):
        import signal

        from pipelines import Evaluation
        from pipelines.meters import Measurement

        ratio = recipe.steps and recipe.steps[0].params.get("ratio")
        if ratio == 0.25:
            time.sleep(600)
        if ratio == 0.5:
            signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
            time.sleep(600)
        if ratio == 0.75:
            os.kill(os.getpid(), signal.SIGSTOP)
        return Evaluation(Measurement({"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0}), (), "k")

    config = make_config(
        space={
            "student": {"depth": ["none"]},
            "distillation": {"alpha": [0.0], "temperature": 2},
            "quantization": {"scheme": ["none"]},
        },
        cluster={"max_concurrent_trials": 2, "trial_timeout": "3s"},
        search={"trials": 10},
    )
    study = run(config, folder, evaluate)
    reasons = {
        trial.params.get("pruning.ratio"): trial.failure.reason if trial.failure else trial.state
        for trial in study.trials
    }
    late = "the trial took more than 3s and was ended (cluster.trial_timeout); if it did not hang, raise that"
    assert reasons.pop(0.25) == late
    assert reasons.pop(0.5).startswith(f"{late}; it did not stop when its time was up: File ")
    assert reasons.pop(0.75) == f"{late}; it did not even stop when it was told to"
    assert set(reasons.values()) == {"complete"}
    assert list(folder.results.iterdir()) == []
