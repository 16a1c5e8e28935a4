"""The context of stages within one sweep."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import torch

from pipelines.lease import Lease
from pipelines.tasks.task import Task, make_student
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.initial_weights import initial_weights
from pipelines.training.settings import Training
from pipelines.training.trajectory import Trajectory


@dataclass(frozen=True)
class Context:
    """The context that stages share within one sweep.

    Attributes:
        task: Networks and data.
        fingerprint: Changes when the task does; see `pipelines.identity.TaskIdentity`.
        training: How networks are trained.
        seed: The sweep's seed; part of every key.
        device: Where networks are trained.
        accuracy_floor: The sweep's lower bound on accuracy, if it has one; where it is met, optional training may be
            left out.
        lease: Of the device that files are measured on: work on this machine shares it.
        fidelity: How much of their epochs trainings are run for, 0 to 1; the teacher's are always run for all.
        trajectory: What a stage's trainings follow, each stage its own.
        format: The name of the format of exported files, in `pipelines.formats.FORMATS`.
    """

    task: Task
    fingerprint: str
    training: Training
    seed: int
    device: torch.device
    accuracy_floor: float | None = None
    lease: Lease = field(default_factory=Lease, compare=False)
    fidelity: float = 1.0
    trajectory: Trajectory = field(default_factory=Trajectory, compare=False)
    format: str = "onnx"
    _weights: dict[tuple[int, float], str] = field(default_factory=dict, compare=False)

    def extent(self, epochs: int) -> EpochBudget:
        """Return how far a training goes that is made for `epochs`."""
        return EpochBudget.part(self.fidelity, epochs)

    def student_weights(self, depth: int, width: float) -> str:
        """Return a digest of the weights with which such a student begins, see `initial_weights`; it is kept.

        It is empty if there is no such student: whoever makes it says so.
        """
        if (depth, width) not in self._weights:
            with suppress(Exception):  # a task may raise anything
                self._weights[depth, width] = initial_weights(lambda: make_student(self.task, depth, width))
        return self._weights.get((depth, width), "")
