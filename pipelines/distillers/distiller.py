"""The protocol of distillers."""

from __future__ import annotations

from typing import Protocol

from torch import nn

from pipelines.declaration import Declaration
from pipelines.distillers.point import Point
from pipelines.distillers.signals import Signals
from pipelines.tasks.task import Inputs
from spaces import Parameter, Params


class Distiller(Protocol):
    """One thing that a student can learn from its teacher.

    Attributes:
        name: The value of ``distillation.feature`` that selects it; ``response`` is always there.
        parameters: What it can be told; the same parameter may serve several distillers.
        declares: What else is known of it beforehand.
        weight: The key of the parameter that its loss is multiplied by.
    """

    name: str
    parameters: tuple[Parameter, ...]
    declares: Declaration
    weight: str

    def problem(self, student: Signals, teacher: Signals) -> str | None:
        """Return why nothing can be learned so from both networks' signals for one example, or None if it can."""

    def loss(self, student: Signals, teacher: Signals, params: Params) -> nn.Module:
        """Return the loss: a module that takes the student's and the teacher's signals and gives a scalar, 0 at least.

        Its parameters, if it has any, are trained together with the student and thrown away after that.

        Args:
            student: The student's signals for one example.
            teacher: The teacher's signals for the same example.
            params: The step's parameters by key.
        """


class FeatureDistiller(Distiller, Protocol):
    """One that compares features, heard at points within the networks."""

    def point(self, model: nn.Module, example: Inputs) -> Point:
        """Return the point of `model` to record when the task names none.

        Raises:
            TrialFailed: there is no such place.
        """
