"""Two teams' sweeps at once on one cluster, each from the command line, keep to what Ray gives them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ray.cluster_utils import Cluster

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
CPUS = 2

TASK = """
import os
import time
from pathlib import Path

import ray
import torch
from torch import nn


class Counted:
    '''Trains for a moment, and leaves a file with the times at which it began and ended.'''

    def __init__(self, folder, team):
        self.folder, self.team = Path(folder), team

    def teacher(self):
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def student(self, depth):
        return nn.Sequential(nn.Flatten(), *[nn.Linear(4, 4) for _ in range(depth - 1)], nn.Linear(4, 2))

    def batches(self, split):
        inputs = torch.linspace(-1, 1, 64).reshape(16, 4)
        if split == "train" and ray._private.worker.global_worker.mode == ray.WORKER_MODE:  # not when it is tried
            began = time.time()
            time.sleep(0.3)
            name = f"{self.team}-{os.getpid()}-{time.monotonic_ns()}"
            (self.folder / name).write_text(f"{began} {time.time()}")
        return [(inputs, (inputs.sum(dim=1) > 0).long())]

    def example_input(self):
        return torch.zeros(1, 4)

    def fingerprint(self):
        return self.team
"""


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": CPUS, "include_dashboard": False})
    yield made
    made.shutdown()


def test_two_sweeps_at_once_keep_their_shares(cluster: Cluster, tmp_path: Path) -> None:
    """Each may have one of two processors: both end whole, and never are more trainings at work than processors."""
    (tmp_path / "counted.py").write_text(TASK, encoding="utf-8")
    (tmp_path / "spans").mkdir()
    drivers = {}
    for team in ("a", "b"):
        sweep = {
            "sweep": team,
            "task": {"use": "counted:Counted", "args": {"folder": str(tmp_path / "spans"), "team": team}},
            "space": {
                "student": {"depth": ["none", 1, 2]},
                "distillation": {"alpha": [0.0]},
                "pruning": {"method": ["none"]},
                "quantization": {"scheme": ["none"]},
            },
            "objectives": {"accuracy": "maximize", "size_mb": "minimize"},
            "training": {"teacher_epochs": 2, "student_epochs": 2},
            "cluster": {"address": cluster.address, "max_concurrent_trials": 1},
            "search": {"trials": 3, "remeasure": False},
        }
        file = tmp_path / f"{team}.yaml"
        file.write_text(yaml.safe_dump(sweep), encoding="utf-8")
        drivers[team] = subprocess.Popen(
            [sys.executable, "-m", "search.cli.app", "run", str(file), "--json"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PAREDOWN_HOME": str(tmp_path / team)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    for team, driver in drivers.items():
        output, errors = driver.communicate(timeout=900)
        assert driver.returncode == 0, errors
        assert json.loads(output)["sweep"] == team
        nodes = json.loads((tmp_path / team / "studies" / team / "nodes.json").read_text(encoding="utf-8"))["nodes"]
        assert [node["cpus"] for node in nodes] == [CPUS]
        assert all(node["cpus_used"] <= CPUS for node in nodes)
    spans = [tuple(map(float, file.read_text().split())) for file in (tmp_path / "spans").iterdir()]
    assert max(sum(began <= at < ended for began, ended in spans) for at, _ in spans) <= CPUS
