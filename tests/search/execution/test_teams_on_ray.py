"""What a team's cluster does to trials: they hang, run out of GPU memory, and lose their node; on real Ray."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from ray._raylet import GcsClient
from ray.cluster_utils import Cluster
from ray.core.generated.autoscaler_pb2 import DRAIN_NODE_REASON_PREEMPTION

from search.execution import nodes
from search.execution.ray_executor import RayExecutor
from search.study.study import Study
from search.suggest.queue import StudyQueue
from tests.search.execution.nodes import start_patiently

pytestmark = pytest.mark.slow

TIMES = 2
"""So often a worker may not die over a trial."""


@pytest.fixture(autouse=True, scope="module")
def _system() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        start_patiently(monkeypatch)
        yield


@pytest.fixture(scope="module")
def head(_system: None) -> Iterator[Cluster]:
    """A head on which no trial fits."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    made.shutdown()


@pytest.fixture
def cluster(head: Cluster) -> Iterator[Cluster]:
    """The same, for one test to add nodes to."""
    yield head
    for node in list(head.worker_nodes):
        head.remove_node(node, allow_graceful=False)


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


def test_trials_of_preempted_nodes_go_back_without_counting(
    make_config, folder, cluster, tmp_path, monkeypatch
) -> None:
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
        if attempt < TIMES:
            time.sleep(600)
        return Evaluation(Measurement({"accuracy": 0.9, "latency_ms": 1.0, "size_mb": 1.0}), (), "k")

    def take_away() -> None:
        gcs = GcsClient(address=cluster.address)
        for attempt in range(TIMES):
            while not (at := tmp_path / "attempts" / str(attempt)).exists():
                time.sleep(0.1)
            while not _seen(folder, trial=0):
                time.sleep(0.1)
            deadline_ms = int(1000 * (time.time() + 600))
            gcs.drain_node(at.read_text(), DRAIN_NODE_REASON_PREEMPTION, "spot", deadline_ms)
            cluster.remove_node(there[at.read_text()], allow_graceful=False)

    (tmp_path / "attempts").mkdir()
    monkeypatch.setattr(nodes, "LOOK_S", 0.1)
    there = {node.node_id: node for node in (cluster.add_node(num_cpus=1) for _ in range(TIMES + 1))}
    other = threading.Thread(target=take_away, daemon=True)
    other.start()
    config = make_config(cluster={"address": cluster.address, "max_concurrent_trials": 1}, search={"trials": 1})
    study = run(config, folder, evaluate)
    other.join(60)
    assert [trial.state for trial in study.trials] == ["complete"]
    assert len(os.listdir(tmp_path / "attempts")) == TIMES + 1


def _seen(folder, trial: int) -> bool:
    """Return whether the driver has left on which node `trial` is."""
    if not folder.nodes.exists():
        return False
    nodes = json.loads(folder.nodes.read_text(encoding="utf-8"))["nodes"]
    return trial in [place["trial"] for node in nodes for place in node["trials"]]
