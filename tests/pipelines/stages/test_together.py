"""Stages that two processes run together on the CPU, beside the same in one."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed as dist
from torch import nn
from torch.nn.functional import cross_entropy

from pipelines import Store, Target, Targets, Training
from pipelines.errors import TrialFailed
from pipelines.evaluator import Evaluator
from pipelines.pipeline import network_stages, nodes, run_stages
from pipelines.pruners.checkpoint import Checkpoint
from pipelines.stages import STEPS
from pipelines.stages.together import run_stage
from pipelines.tasks.task import Batch, Split
from pipelines.training.seed import seed_everything
from pipelines.training.trajectory import Trajectory
from spaces import Recipe

pytestmark = pytest.mark.slow

RECIPE = Recipe.from_list([{"distil": {"depth": 1, "alpha": 0.5, "temperature": 2}}], STEPS)


class Plain:
    """Without batch normalization and dropout, of which each process sees its own examples only."""

    def __init__(self, failing: bool = False) -> None:
        self._failing = failing

    def teacher(self) -> nn.Module:
        return self.student(2)

    def student(self, depth: int) -> nn.Module:
        inner = [layer for _ in range(depth) for layer in (nn.Linear(16, 16), nn.Tanh())]
        return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), *inner, nn.Linear(16, 3))

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self._failing and dist.get_rank() == 1:
            raise LookupError("only here")
        return cross_entropy(outputs, targets)

    def batches(self, split: Split) -> Iterable[Batch]:
        chance = torch.Generator().manual_seed(len(split))
        inputs = torch.randn(43, 4, generator=chance)
        targets = inputs[:, :3].argmax(1)
        order = torch.randperm(43) if split == "train" else torch.arange(43)
        return ((inputs[rows], targets[rows]) for rows in order.split(14))  # the last batch has one example

    def example_input(self) -> torch.Tensor:
        return torch.zeros(1, 4)


def evaluator(folder: Path, processes: int, **args: object) -> Evaluator:
    how = {"optimizer": {"name": "sgd", "momentum": 0.9}, "learning_rate": 0.05, "weight_decay": 0.0, "ema": 0.9}
    training = Training(teacher_epochs=3, student_epochs=3, **how)
    use, store, target = f"{__name__}:Plain", Store(folder), Targets.only(Target("onnxruntime", "cpu"))
    return Evaluator(use, training, target, 0, store, args=args, device="cpu", processes=processes)


def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    found = []
    for processes in (1, 2):
        made, parent = evaluator(tmp_path / "store", processes), Path()
        for key, (stage, params) in zip(("00000001", "00000002"), network_stages(RECIPE), strict=True):
            out = tmp_path / f"{processes}-{key}"
            out.mkdir()
            seed_everything(key)
            run_stage(stage, parent, out, params, replace(made.context, trajectory=Trajectory(key), notes=[]))
            parent = out
        found.append(Checkpoint.load(parent, made.task).model.state_dict())
    alone, together = found
    for name, tensor in alone.items():
        assert torch.allclose(tensor, together[name], atol=1e-4), name


def test_the_number_of_processes_is_in_the_key_of_what_is_trained(tmp_path: Path) -> None:
    contexts = [evaluator(tmp_path, processes).context for processes in (1, 2)]
    one, two = ([key for _, _, key in nodes(RECIPE, context)] for context in contexts)
    assert not {*one} & {*two}


def test_what_fails_in_another_process_is_told(tmp_path: Path) -> None:
    made = evaluator(tmp_path, 2, failing=True)
    with pytest.raises(TrialFailed, match="of the processes that train together, process 2: LookupError: only here"):
        run_stages(network_stages(Recipe()), made.context, made.store)
