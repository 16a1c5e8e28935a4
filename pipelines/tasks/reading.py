"""The reading of a network's outputs: as classes, as labels that may hold together, or as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Kind = Literal["classes", "labels", "numbers"]

IGNORED = -100
"""The label that does not count, if a task names no other: what ``torch.nn.functional.cross_entropy`` leaves out."""


@dataclass(frozen=True)
class Reading:
    """A way to read outputs.

    Attributes:
        kind: ``classes`` are logits of which one is right, ``labels`` are logits each of which may be, ``numbers`` are
            quantities.
        dim: The dimension over which the classes or labels lie; None if nobody has said so.
        ignored: The label that does not count.
    """

    kind: Kind = "classes"
    dim: int | None = 1
    ignored: int = IGNORED

    def dim_of(self, outputs: Tensor) -> int | None:
        """The dimension of `outputs` over which the classes lie; None if that cannot be told."""
        if self.dim is None:
            return 1 if outputs.dim() == 2 else None
        return self.dim if -outputs.dim() <= self.dim < outputs.dim() else None

    def classes_second(self, outputs: Tensor) -> Tensor:
        """`outputs` with the classes in dimension 1, as PyTorch's losses take them."""
        dim = self.dim_of(outputs)
        return outputs if dim is None else outputs.movedim(dim, 1)

    def softened(self, student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
        """How far the student's answers are from the teacher's, softened: a scalar, the mean over the batch.

        Of classes ``T² · KL(teacher at T ‖ student at T)`` over the classes, the mean over positions where there are
        several; of labels the same of each label's yes and no; of numbers, which have no temperature, the mean squared
        difference.

        Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2; the
        factor T² keeps the gradients of labels and teacher of the same size.
        """
        if self.kind == "numbers":
            return functional.mse_loss(student, teacher)
        if self.kind == "labels":
            own, shown = (torch.stack([x / temperature, -x / temperature], -1) for x in (student, teacher))
            divergence = functional.kl_div(
                functional.logsigmoid(own), functional.logsigmoid(shown), reduction="none", log_target=True
            )
            return temperature**2 * divergence.sum(-1).mean()
        dim = self.dim_of(student)
        if dim is None:
            raise ValueError(f"nobody has said over which dimension of {tuple(student.shape)} the classes lie")
        divergence = functional.kl_div(
            functional.log_softmax(student / temperature, dim=dim),
            functional.log_softmax(teacher / temperature, dim=dim),
            reduction="none",
            log_target=True,
        )
        return temperature**2 * divergence.sum(dim).mean()
