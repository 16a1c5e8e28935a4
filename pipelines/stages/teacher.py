"""The first stage: the network that everything else is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.pruners.checkpoint import Checkpoint
from pipelines.stages.stage import Form
from pipelines.tasks.task import TEACHER, make_teacher, teacher_call
from pipelines.training.context import Context
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.loop import train
from pipelines.training.settings import Training
from spaces import Params


class TrainTeacher:
    """Train one of the task's teachers, or take it as it comes with ``training.teacher_epochs: 0``.

    The parameter ``name`` says which; without it that is the one with which everything is compared.
    """

    name = "teacher"
    form: Form = "network"
    version = 3
    libraries: tuple[str, ...] = ("torch",)

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        settings: dict[str, Any] = context.training.of("teacher").settings()
        if name := params.get("name"):  # the weights of the first one are part of the task's fingerprint
            settings["weights"] = context.weights(str(name))
        return settings

    def extent(self, params: Params, context: Context) -> EpochBudget:
        """See `Trains.extent`: all epochs always, as everything else is compared with it."""
        return EpochBudget.part(1.0, self.epochs(context.training))

    def epochs(self, training: Training) -> int:
        """See `Trains.epochs`."""
        return training.epochs("teacher")

    def run(self, parent: Path, out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        whole, epochs = replace(context, fidelity=1.0), self.epochs(context.training)
        name = str(params.get("name", TEACHER))
        gentle = context.is_pretrained(name)
        if gentle and epochs and context.training.teacher.learning_rate is None:
            rate = context.training.of("teacher", gentle=True).learning_rate
            context.note(f"{teacher_call(name)} comes with trained weights, so that its learning rate was {rate:g}")
        model = train(make_teacher(context.task, name), whole, epochs=epochs, kind="teacher", gentle=gentle)
        made = {"network": "teacher", **({"name": name} if name != TEACHER else {})}
        Checkpoint(model, [{**made, **({"gentle": True} if gentle else {})}]).save(out)
