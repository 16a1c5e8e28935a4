"""The context of stages within one sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import nn

from pipelines.lease import Lease
from pipelines.tasks.student_choice import StudentChoice
from pipelines.tasks.task import TEACHER, Task, make_student, make_teacher, teacher_call
from pipelines.training.epoch_budget import EpochBudget
from pipelines.training.exclude import NOTHING, Exclude
from pipelines.training.group import ALONE, Group
from pipelines.training.initial_weights import initial_weights, is_pretrained
from pipelines.training.settings import Training
from pipelines.training.trajectory import Trajectory

T = TypeVar("T")


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
        teacher: The folder with the trained, uncompressed teacher, for stages that ask for it; see
            `pipelines.stages.stage.Listens`.
        exclude: The layers that pruning and quantization must not touch.
        notes: Words that go with the result of the stage that is at work, each stage its own.
        kept: What was worked out of the task and serves all its trainings, by name.
        use: How the task is loaded in another process, see `pipelines.tasks.task.load_task`.
        args: Its arguments.
        processes: How many processes train a network together, each on a GPU of its own if there are GPUs.
        group: The place of this process among them, while they do.
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
    teacher: Path | None = None
    exclude: Exclude = NOTHING
    notes: list[str] = field(default_factory=list, compare=False)
    kept: dict[str, tuple[Task, Any]] = field(default_factory=dict, compare=False, repr=False)
    use: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    processes: int = 1
    group: Group = ALONE
    _weights: dict[str, str] = field(default_factory=dict, compare=False)

    def portable(self) -> Context:
        """Return the same for another process, which loads the task itself and leaves nothing in the store."""
        nothing: Any = None
        trajectory = self.trajectory.only_read()
        return replace(self, task=nothing, lease=nothing, trajectory=trajectory, notes=[], kept={})

    def extent(self, epochs: int) -> EpochBudget:
        """Return how far a training goes that is made for `epochs`."""
        return EpochBudget.part(self.fidelity, epochs)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what `make` gives for this task, made when it is first asked for."""
        task, found = self.kept.get(name, (None, None))
        if task is not self.task:
            found = make()
            self.kept[name] = (self.task, found)
        return cast(T, found)

    def note(self, text: str) -> None:
        """Say something of the result of the stage that is at work; twice is as good as once."""
        if text not in self.notes:
            self.notes.append(text)

    def is_pretrained(self, network: StudentChoice | str = TEACHER) -> bool:
        """Return True if a student, or the teacher of that name, comes with weights that were trained elsewhere."""
        call, make = self._call(network)
        return self.once(f"pretrained {call}", partial(is_pretrained, make))

    def weights(self, network: StudentChoice | str) -> str:
        """Return a digest of the weights with which that student or teacher begins, see `initial_weights`; it is kept.

        It is empty if there is no such network: whoever makes it says so.
        """
        call, make = self._call(network)
        if call not in self._weights:
            with suppress(Exception):  # a task may raise anything
                self._weights[call] = initial_weights(make)
        return self._weights.get(call, "")

    def _call(self, network: StudentChoice | str) -> tuple[str, Callable[[], nn.Module]]:
        """The call that makes a network, for people, and one that does."""
        if isinstance(network, str):
            return teacher_call(network), partial(make_teacher, self.task, network)
        made = partial(make_student, self.task, network.depth, network.width, **dict(network.own))
        return network.call, made
