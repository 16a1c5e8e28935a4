"""Distillation: a shallower student learns from the teacher."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipelines.checkpoint import Checkpoint
from pipelines.context import Context
from pipelines.distillation import distillation_loss
from pipelines.stages.stage import Form
from pipelines.task import loss_of
from pipelines.training import train
from spaces import NONE, Interval, Parameter, Params, StepSpec, When


class Depth(Interval):
    """A student's depth, or ``none`` for the teacher itself."""

    def problem(self, value: object) -> str | None:
        """Why `value` is not in the domain, or None if it is."""
        return None if value == NONE else super().problem(value)

    def __str__(self) -> str:
        return f"{super().__str__()}, or none for the teacher itself"


DISTIL = StepSpec(
    "distil",
    (
        Parameter("student.depth", Depth(1, integer=True), help="depth of the student; none keeps the teacher"),
        Parameter("distillation.alpha", Interval(0, 1), default=0.5, help="weight of the teacher in the loss"),
        Parameter(
            "distillation.temperature",
            Interval(0, open_low=True),
            default=4,
            when=(When("distillation.alpha", (0,), negated=True),),
            help="how much the teacher's outputs are softened",
        ),
    ),
    label=lambda p: f"d{p['depth']}" + (f"(α{p['alpha']:g},T{p['temperature']:g})" if p["alpha"] else ""),
)


class Distil:
    """Train a student of the given depth on the labels and the teacher's softened outputs."""

    name = "distil"
    form: Form = "network"
    version = 1
    libraries: tuple[str, ...] = ("torch",)

    def settings(self, params: Params, context: Context) -> Mapping[str, Any]:
        """See `Stage.settings`."""
        training = context.training.model_dump(include={"learning_rate", "weight_decay"})
        return {"epochs": context.training.student_epochs, **training}

    def run(self, parents: tuple[Path, ...], out: Path, params: Params, context: Context) -> None:
        """See `Stage.run`."""
        depth, alpha = int(params["depth"]), float(params["alpha"])
        task_loss = loss_of(context.task)
        teacher = Checkpoint.load(parents[0], context.task).model.to(context.device) if alpha else None

        def loss(inputs: tuple[Tensor, ...], outputs: Tensor, targets: Tensor) -> Tensor:
            if teacher is None:
                return task_loss(outputs, targets)
            with torch.inference_mode():
                teacher_outputs = teacher(*inputs)
            return distillation_loss(
                outputs,
                targets,
                teacher_outputs.clone(),
                loss=task_loss,
                alpha=alpha,
                temperature=float(params["temperature"]),
            )

        student = train(context.task.student(depth), context, epochs=context.training.student_epochs, loss=loss)
        Checkpoint(student, [{"network": "student", "depth": depth}]).save(out)
