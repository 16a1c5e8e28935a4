"""What a team's cluster does to trials: they hang, run out of GPU memory, and lose their node; on real Ray."""

import json
import os
import subprocess
import sys
import threading
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


def test_want_of_gpu_memory_is_met_by_a_gpu_without_neighbours(make_config, folder, cluster, tmp_path) -> None:
    """A GPU in name only is shared by two; one recipe has too little memory unless alone, one even then."""

    def evaluate(recipe):
        import time

        import ray
        import torch

        from pipelines import Evaluation
        from pipelines.meters import Measurement

        share = ray.get_runtime_context().get_assigned_resources()["GPU"]
        ratio = recipe.steps and recipe.steps[0].params.get("ratio")
        if ratio == 0.75 or (ratio == 0.5 and share < 1):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.")
        time.sleep(0.2)
        return Evaluation(Measurement({"accuracy": 0.9, "latency_ms": share, "size_mb": 1.0}), (), "k")

    cluster.add_node(num_cpus=2, num_gpus=1)
    config = make_config(
        space={
            "student": {"depth": ["none"]},
            "distillation": {"temperature": 2},
            "quantization": {"scheme": ["none"]},
        },
        cluster={"address": cluster.address, "gpus_per_trial": 0.5},
        search={"trials": 10},
    )
    study = run(config, folder, evaluate)
    ended = {trial.params.get("pruning.ratio"): trial for trial in study.trials}
    assert ended.pop(0.75).failure.reason == (
        "out of GPU memory (CUDA out of memory. Tried to allocate 20 GiB.); use a smaller batch, or accumulate "
        "gradients over several (training.accumulate)"
    )
    assert ended.pop(0.5).metrics["latency_ms"] == 1
    assert {trial.metrics["latency_ms"] for trial in ended.values()} == {0.5}


def test_trials_of_preempted_nodes_go_back_without_counting(make_config, folder, cluster, tmp_path) -> None:
    """One node after the other is drained and then killed over the same trial, more often than a worker may die."""

    def evaluate(recipe):
        import os
        import time

        import ray

        from pipelines import Evaluation
        from pipelines.meters import Measurement

        attempt = len(os.listdir(tmp_path / "attempts"))
        (tmp_path / "at").write_text(ray.get_runtime_context().get_node_id())
        (tmp_path / "at").rename(tmp_path / "attempts" / str(attempt))
        if attempt < 3:
            time.sleep(600)
        return Evaluation(Measurement({"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0}), (), "k")

    def take_away() -> None:
        for attempt in range(3):
            while not (at := tmp_path / "attempts" / str(attempt)).exists():
                time.sleep(0.1)
            while not _seen(folder, trial=0):
                time.sleep(0.1)
            command = [sys.executable, "-m", "ray.scripts.scripts", "drain-node", "--address", cluster.address]
            subprocess.run([*command, "--node-id", at.read_text(), *DRAIN.split()], check=True)
            cluster.remove_node(nodes[at.read_text()], allow_graceful=False)

    (tmp_path / "attempts").mkdir()
    nodes = {node.node_id: node for node in (cluster.add_node(num_cpus=1) for _ in range(4))}
    other = threading.Thread(target=take_away, daemon=True)
    other.start()
    config = make_config(cluster={"address": cluster.address, "max_concurrent_trials": 1}, search={"trials": 1})
    study = run(config, folder, evaluate)
    other.join(60)
    assert [trial.state for trial in study.trials] == ["complete"]
    assert len(os.listdir(tmp_path / "attempts")) == 4


def _seen(folder, trial: int) -> bool:
    """Return whether the driver has left on which node `trial` is."""
    if not folder.nodes.exists():
        return False
    nodes = json.loads(folder.nodes.read_text(encoding="utf-8"))["nodes"]
    return trial in [place["trial"] for node in nodes for place in node["trials"]]
