"""A sweep on three Ray nodes of which two see neither the driver's workspace nor the person's code."""

import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from pipelines import Store
from search.config.sweep_config import parse_config
from search.execution.executor import InlineExecutor
from search.study.saved import load_sweep
from search.study.study import read_trials
from search.study.workspace import Workspace
from search.sweep import run_sweep
from tests.search.execution.nodes import Nodes, go_away, raylet, unshare, workers

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not unshare(), reason="mount namespaces are not allowed here")]

TASK = """
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from dots_layers import hidden


class Dots:
    def teacher(self):
        return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), *hidden(64), nn.Linear(64, 2))

    def student(self, depth):
        return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), *(hidden(32) * depth), nn.Linear(32, 2))

    def batches(self, split):
        hold = Path(tempfile.gettempdir(), "hold")
        while split == "validation" and hold.exists():  # until there was something to kill on this node
            hold.with_name("held").touch()
            time.sleep(0.05)
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

PATIENCE_S = 600.0


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a person with their code and their data, in which this process is."""
    folder = tmp_path / "person"
    folder.mkdir()
    for name, text in {"dots.py": TASK, "dots_layers.py": LAYERS}.items():
        (folder / name).write_text(text, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    torch.save(torch.randn(256, 8, generator=torch.Generator().manual_seed(0)), folder / "data.pt")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def nodes(person: Path) -> Iterator[Nodes]:
    """In a folder of a short name: the paths of sockets in it may have 107 characters."""
    with tempfile.TemporaryDirectory(prefix="n", ignore_cleanup_errors=True) as name:
        made = Nodes(Path(name), person.parent)
        made.head()
        yield made
        made.end()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As workers have by default, so that numbers are the same."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_workspace(root: Path, mlflow: Path) -> Workspace:
    root.mkdir()
    shutil.copyfile(mlflow, root / "mlflow.db")
    return Workspace(root)


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_trials_on_nodes_that_share_nothing_are_those_of_one_machine(
    person: Path, nodes: Nodes, one_thread: None, empty_mlflow: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker is killed on the way, and a whole node, each while it is at work on a trial."""
    second, third = nodes.add(), nodes.add()
    here, apart = make_workspace(person / "home", empty_mlflow), make_workspace(person.parent / "alone", empty_mlflow)
    alone = run_sweep(parse_config(SWEEP), apart, executor=InlineExecutor())
    nodes.wait_for(3)

    def kill() -> None:
        wait_until(lambda: any(trial.state == "complete" for trial in read_trials(here.sweep("dots"))))
        holds = [nodes.temporary(number) / "hold" for number in range(3)]
        for hold in holds:
            hold.touch()
        try:
            wait_until(lambda: all(hold.with_name("held").exists() for hold in holds[1:]))
            workers(second)[0].kill()
            raylet(third).kill()
        finally:
            for hold in holds:
                hold.unlink()

    with ThreadPoolExecutor() as beside:
        killed = beside.submit(kill)
        there = run_sweep(parse_config({**SWEEP, "cluster": {"address": nodes.address}}), here)
    killed.result()
    go_away(third)
    assert "your modules" in caplog.text
    assert "files travel through Ray to and from nodes that do not see" in caplog.text

    assert there.trials == load_sweep("dots", here).trials
    assert Counter(trial.state for trial in there.trials) == {"complete": len(alone.trials)}
    assert found(there) == found(alone)
    assert front(there) == front(alone)
    computed = Counter(stage.key for trial in there.trials for stage in trial.result.computed)
    assert set(computed.values()) == {1}
    assert files(here, there) == files(apart, alone)
    journal = [json.loads(line) for line in here.sweep("dots").journal.read_text().splitlines()]
    ends = Counter(entry["trial_id"] for entry in journal if entry["op_code"] == 6)  # SET_TRIAL_STATE_VALUES
    assert set(ends.values()) == {1}
    assert list(here.sweep("dots").results.iterdir()) == []
    assert not list(nodes.temporary(1).glob("paredown-*/nodes/*")), "the node's own folder is gone"


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
