"""Built on one Ray node and measured on another, where torch cannot be imported."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from ray.cluster_utils import Cluster

from pipelines.bench.conditions import WHERE
from search.study.saved import Sweep, load_sweep
from search.sweep import run_sweep
from tests.search.execution.nodes import go_away

pytestmark = pytest.mark.slow

NO_TORCH = 'raise ImportError("there is no torch on this machine")\n'


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A node for trials."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    yield made
    made.shutdown()


@pytest.fixture
def add_edge(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[[], psutil.Process]]:
    """Adds a node that measures, and has neither processors for trials nor torch."""
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "torch.py").write_text(NO_TORCH, encoding="utf-8")
    path = os.pathsep.join([str(bare), str(Path(__file__).parents[3])])
    offer = ["--num-cpus=0", '--resources={"edge": 1}']
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", f"--address={cluster.address}", *offer, "--block"]
    started: list[psutil.Process] = []

    def add() -> psutil.Process:
        output = (tmp_path / "edge.log").open("a")
        env = {**os.environ, "PYTHONPATH": path}
        started.append(psutil.Popen(command, env=env, stdout=output, stderr=output, start_new_session=True))
        return started[-1]

    yield add
    for process in started:
        go_away(process)


@pytest.fixture
def edge_config(make_config, cluster: Cluster):
    return make_config(
        space={"student": {"depth": ["none"]}, "pruning": {"method": ["none", "channel"]}},
        training={"teacher_epochs": 1, "finetune_epochs": 1, "student_epochs": 1},
        targets={"edge": {"resource": "edge"}, "here": {"batch": 2}},
        cluster={"address": cluster.address},
        search={"trials": 5, "remeasure": False},
    )


def test_files_are_measured_where_they_ship_also_if_that_node_goes_away(
    with_mlflow, edge_config, cluster: Cluster, add_edge, caplog
) -> None:
    """The sweep begins with nobody to measure, gets a node, loses it over a measurement, and gets another.

    It has a second target, for which files are measured where they are built.
    """

    def come_and_go() -> None:
        results = with_mlflow.sweep("small").results
        while not list(results.glob("*.built.json")):
            time.sleep(0.1)
        waited = len(list(results.glob("*.built.json")))
        first = add_edge()
        while not _measures(first):
            time.sleep(0.02)
        go_away(first)
        add_edge()
        seen.append(waited)

    seen: list[int] = []
    other = threading.Thread(target=come_and_go, daemon=True)
    other.start()
    sweep: Sweep = run_sweep(edge_config, with_mlflow)
    other.join(60)
    assert seen
    assert [trial.state for trial in sweep.trials] == ["complete"] * 5, [trial.failure for trial in sweep.trials]
    for trial in sweep.trials:
        assert trial.metrics["latency_ms"] == max(trial.metrics[f"latency_ms@{name}"] for name in ("edge", "here")) > 0
        assert trial.notes[f"{WHERE}@edge"] == os.uname().nodename
        assert trial.result.seconds["elsewhere"] > 0
    assert not list(with_mlflow.sweep("small").results.iterdir())
    assert "no node of the cluster offers the resource 'edge'" in caplog.text
    assert load_sweep("small", with_mlflow).trials == sweep.trials


def _measures(node: psutil.Process) -> bool:
    """Return whether a process of `node` measures."""
    with suppress(psutil.NoSuchProcess):
        return any("pipelines.bench" in child.cmdline() for child in node.children(recursive=True))
    return False
