"""The first stage: the network that everything else is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.checkpoint import Checkpoint
from pipelines.context import Context
from pipelines.stages.stage import Form
from pipelines.training import train
from spaces import Params


class TrainTeacher:
    """Train the task's teacher, or take it as it comes with ``training.teacher_epochs: 0``."""

    name = "teacher"
    form: Form = "network"
    version = 1
    libraries: tuple[str, ...] = ("torch",)

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        training = context.training.model_dump(include={"learning_rate", "weight_decay"})
        return {"epochs": context.training.teacher_epochs, **training}

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        model = train(context.task.teacher(), context, epochs=context.training.teacher_epochs)
        Checkpoint(model, [{"network": "teacher"}]).save(out)
