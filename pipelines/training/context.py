"""What the stages of one sweep share."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from pipelines.lease import Lease
from pipelines.tasks.task import Task
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.settings import Training
from pipelines.training.trajectory import Trajectory


@dataclass(frozen=True)
class Context:
    """What stages share within one sweep.

    Attributes:
        task: Networks and data.
        fingerprint: Changes when the task does; see `pipelines.tasks.task.fingerprint`.
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

    def extent(self, epochs: int) -> EpochBudget:
        """How far a training goes that is made for `epochs`."""
        return EpochBudget.part(self.fidelity, epochs)
