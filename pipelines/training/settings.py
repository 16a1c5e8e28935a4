"""The section of a sweep's file that a pipeline reads: how networks are trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainValidator
from pydantic_core import PydanticCustomError

from spaces import Interval


def within(legal: Interval) -> PlainValidator:
    """The validator of a section's number: its message says which numbers are `legal`."""

    def check(value: Any) -> float:
        if message := legal.problem(value):
            raise PydanticCustomError("illegal", "{problem}", {"problem": message})
        return int(value) if legal.integer else float(value)

    return PlainValidator(check)


Epochs = Annotated[int, within(Interval(0, 1_000_000, integer=True))]


class Section(BaseModel):
    """A section of a sweep's file: frozen, without unknown keys, without silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Training(Section):
    """Settings of training, unless the task has its own ``fit``.

    Attributes:
        teacher_epochs: Passes over the training split for the teacher; 0 if ``teacher()`` comes trained.
        student_epochs: Passes for each distilled student.
        finetune_epochs: Passes after pruning.
        qat_epochs: Passes of quantization-aware training, at a tenth of the learning rate.
        learning_rate: Peak rate of AdamW.
        schedule: How the rate falls to zero: along a cosine, or in the last fifth of the epochs only (``wsd``), so that
            what was learned before can be gone on from with more epochs.
        weight_decay: AdamW's decoupled weight decay.
    """

    teacher_epochs: Epochs = 20
    student_epochs: Epochs = 20
    finetune_epochs: Epochs = 5
    qat_epochs: Epochs = 3
    learning_rate: Annotated[float, within(Interval(0, 1, open_low=True))] = 2e-3
    schedule: Literal["cosine", "wsd"] = "cosine"
    weight_decay: Annotated[float, within(Interval(0, 1))] = 1e-2

    def at_most(self, epochs: int) -> Training:
        """The same with so many epochs for each training, or fewer where there are fewer."""
        given = {name: value for name, value in self.model_dump().items() if name.endswith("_epochs")}
        return self.model_copy(update={name: min(epochs, value) for name, value in given.items()})

    def optimizer(self) -> dict[str, Any]:
        """Return what every training depends on, except for its epochs: part of its stage's key."""
        return self.model_dump(include={"learning_rate", "schedule", "weight_decay"})
