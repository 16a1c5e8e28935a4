from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from pipelines.pruners.checkpoint import Checkpoint
from pipelines.stages import TrainTeacher
from pipelines.training.context import Context


def test_a_teacher_that_comes_trained_is_taken_as_it_is(context: Context, tmp_path: Path) -> None:
    class Trained(type(context.task)):
        model = context.task.teacher()

        def teacher(self) -> nn.Module:
            return self.model

        def batches(self, split: str) -> None:
            raise LookupError("nothing to train")

    training = context.training.model_copy(update={"teacher_epochs": 0})
    before = {name: tensor.clone() for name, tensor in Trained.model.state_dict().items()}
    TrainTeacher().run(Path(), tmp_path, {}, replace(context, task=Trained(), training=training))
    after = Checkpoint.load(tmp_path, context.task).model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_task_may_have_its_own_loss(context: Context, tmp_path: Path) -> None:
    class Flat(type(context.task)):
        def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            seen.append(outputs.shape)
            return outputs.square().mean()

    seen: list[torch.Size] = []
    TrainTeacher().run(Path(), tmp_path, {}, replace(context, task=Flat()))
    assert seen == [(16, 2)] * 4 * context.training.teacher_epochs
