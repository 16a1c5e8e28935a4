"""The first stage: the network that everything else is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.checkpoint import Checkpoint
from pipelines.stages.stage import Context
from pipelines.task import loss_of
from pipelines.training import train
from spaces import Params


class TrainTeacher:
    """Train the task's teacher, or take it as it comes with ``training.teacher_epochs: 0``."""

    name = "teacher"
    version = 1
    libraries: tuple[str, ...] = ("torch",)

    def settings(self, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        training = context.training.model_dump(include={"learning_rate", "weight_decay"})
        return {"epochs": context.training.teacher_epochs, **training}

    def run(self, parents: tuple[Path, ...], out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        loss = loss_of(context.task)
        model = train(
            context.task.teacher(),
            lambda: context.task.batches("train"),
            lambda inputs, outputs, targets: loss(outputs, targets),
            epochs=context.training.teacher_epochs,
            training=context.training,
            device=context.device,
        )
        Checkpoint(model, [{"network": "teacher"}]).save(out)
