"""A sweep on three Ray nodes of which two see neither the driver's workspace nor the person's code."""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pipelines import Store
from search.study.saved import load_sweep
from search.study.study import read_trials
from search.study.workspace import Workspace
from tests.search.execution.nodes import Nodes, go_away, raylet, unshare, workers

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not unshare(), reason="mount namespaces are not allowed here")]

TASK = """
import time

import torch
from torch import nn

from layers import hidden


class Dots:
    def teacher(self):
        return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), *hidden(64), nn.Linear(64, 2))

    def student(self, depth):
        return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), *(hidden(32) * depth), nn.Linear(32, 2))

    def batches(self, split):
        if split == "validation":  # so that trials last, whatever the machine, until there is something to kill
            time.sleep(4)
        inputs = torch.load("data.pt")
        return list(zip(inputs.split(32), (inputs[:, :4].sum(dim=1) > 0).long().split(32)))

    def example_input(self):
        return torch.zeros(1, 8)
"""

LAYERS = """
from torch import nn


def hidden(width):
    return [nn.Linear(width, width), nn.ReLU()]
"""

SWEEP = {
    "sweep": "dots",
    "task": {"use": "dots:Dots"},
    "space": {
        "student": {"depth": ["none", 1]},
        "distillation": {"temperature": 2, "alpha": 0.5},
        "pruning": {"method": ["none", "channel"], "ratio": 0.5},
        "quantization": {"scheme": ["none", "fp16", "static-int8"]},
    },
    "objectives": {"accuracy": "maximize", "size_mb": "minimize"},
    "training": {"teacher_epochs": 2, "student_epochs": 2, "finetune_epochs": 1},
    # All recipes of the space, in whatever order: then two sweeps have to find the same.
    "search": {"sampler": "random", "trials": 100, "remeasure": False, "stopping": "none"},
}

PATIENCE_S = 900.0


class Person:
    """A person with a folder, in which their code, their data and the workspace are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name, text in {"dots.py": TASK, "layers.py": LAYERS, "dots.yaml": yaml.safe_dump(SWEEP)}.items():
            (folder / name).write_text(text, encoding="utf-8")
        make = "import torch; torch.manual_seed(0); torch.save(torch.randn(256, 8), 'data.pt')"
        subprocess.run([sys.executable, "-P", "-c", make], cwd=folder, check=True)

    def workspace(self, name: str) -> Workspace:
        return Workspace(self.folder / name)

    def run(self, home: str, env: dict[str, str], *overrides: str) -> subprocess.Popen[str]:
        options = [part for each in overrides for part in ("-o", each)]
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "search.cli.app", "run", "dots.yaml", *options],
            cwd=self.folder,
            env={**env, "PAREDOWN_HOME": str(self.folder / home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: the paths of sockets in it may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="n", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def person(folder: Path) -> Person:
    return Person(folder / "person")


@pytest.fixture
def nodes(folder: Path, person: Person) -> Iterator[Nodes]:
    (folder / "nodes").mkdir()
    made = Nodes(folder / "nodes", person.folder)
    made.head()
    yield made
    made.end()


def wait_until(run: subprocess.Popen[str], condition) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert run.poll() is None, run.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_trials_on_nodes_that_share_nothing_are_those_of_one_machine(person: Person, nodes: Nodes) -> None:
    """A worker is killed on the way, and a whole node."""
    second = nodes.add()
    nodes.wait_for(2)
    third = nodes.add()
    nodes.wait_for(3)
    run = person.run("home", nodes.env, f"cluster.address={nodes.address}")
    workspace = person.workspace("home")

    def finished() -> int:
        return sum(trial.state != "running" for trial in read_trials(workspace.sweep("dots")))

    wait_until(run, lambda: finished() >= 3 and workers(second))
    workers(second)[0].kill()
    wait_until(run, lambda: finished() >= 5 and workers(third))
    raylet(third).kill()
    said, _ = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, said
    go_away(third)
    assert "your modules" in said
    assert "files travel through Ray to and from nodes that do not see" in said

    local = person.run("alone", nodes.env, "cluster.max_concurrent_trials=1")
    alone, _ = local.communicate(timeout=PATIENCE_S)
    assert local.returncode == 0, alone

    here, there = (load_sweep("dots", person.workspace(name)) for name in ("home", "alone"))
    assert Counter(trial.state for trial in here.trials) == {"complete": 12}
    assert found(here) == found(there)
    assert front(here) == front(there)
    computed = Counter(stage.key for trial in here.trials for stage in trial.result.computed)
    assert set(computed.values()) == {1}
    assert files(workspace, here) == files(person.workspace("alone"), there)
    journal = [json.loads(line) for line in workspace.sweep("dots").journal.read_text().splitlines()]
    ends = Counter(entry["trial_id"] for entry in journal if entry["op_code"] == 6)  # SET_TRIAL_STATE_VALUES
    assert set(ends.values()) == {1}
    assert list(workspace.sweep("dots").results.iterdir()) == []
    assert not list((nodes.folder / "1").glob("paredown-*/nodes/*")), "the node's own folder is gone"


def found(sweep) -> dict[str, tuple]:
    """What came of each recipe."""
    names = ("accuracy", "size_mb")
    return {trial.recipe.digest: (trial.model, *(trial.metrics[name] for name in names)) for trial in sweep.trials}


def front(sweep) -> set[str]:
    return {trial.recipe.digest for trial in sweep.state.front.members}


def files(workspace: Workspace, sweep) -> dict[str, dict[str, str]]:
    """The hashes of all files that ship, by the key of their stage: the store verifies them."""
    store = Store(workspace.store)
    return {trial.model: dict(store.find(trial.model).about["files"]) for trial in sweep.trials}
