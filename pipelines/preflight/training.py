"""Settings of training that work, but most likely not as they are meant."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.tasks.fault import FAULTS
from pipelines.tasks.task import Task
from pipelines.training.initial_weights import is_pretrained
from pipelines.training.settings import GENTLE_RATE, Kind, Training
from spaces import SearchSpace

HARD = 4
"""So many times the gentle rate is a hard one for weights that were trained elsewhere."""

TAUGHT: tuple[tuple[str, Kind], ...] = (("pruning.alpha", "finetune"), ("quantization.alpha", "qat"))
"""The parameters that give a training a teacher, and the kind of that training."""


def training_warnings(task: Task, space: SearchSpace, training: Training) -> Iterator[str]:
    """What to say of `training`; networks are made for it only where a rate is named for the teacher."""
    for name, kind in TAUGHT:
        if any(space.used(name)) and not training.epochs(kind):
            yield f"space.{name}: nothing is learned from a teacher with training.{kind}_epochs: 0"
    rate, gentle = training.teacher.learning_rate, GENTLE_RATE * training.learning_rate
    if rate is None or not training.teacher_epochs or rate <= HARD * gentle:
        return
    try:
        is_hard = is_pretrained(task.teacher)
    except FAULTS:  # told where networks are made
        return
    if is_hard:
        yield (
            f"training.teacher.learning_rate: teacher() comes with trained weights, which {rate:g} may spoil; leave it "
            f"out for {gentle:g}, or set training.teacher_epochs to 0 to take them as they are"
        )
