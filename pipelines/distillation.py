"""What a student learns from: the labels, and the teacher's softened outputs."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]


def distillation_loss(
    outputs: Tensor, targets: Tensor, teacher_outputs: Tensor, *, loss: Loss, alpha: float, temperature: float
) -> Tensor:
    """``(1 - alpha) * loss + alpha * T² * KL(teacher at T ‖ student at T)``, a scalar.

    Source: G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2; the factor
    T² keeps the gradients of both parts of the same size.

    Args:
        outputs: The student's logits, (N, classes).
        targets: What `loss` compares them with.
        teacher_outputs: The teacher's logits, (N, classes).
        loss: The task's own loss.
        alpha: Weight of the teacher, 0 to 1.
        temperature: T, above 0.
    """
    soft = functional.kl_div(
        functional.log_softmax(outputs / temperature, dim=-1),
        functional.log_softmax(teacher_outputs / temperature, dim=-1),
        reduction="batchmean",
        log_target=True,
    )
    return (1 - alpha) * loss(outputs, targets) + alpha * temperature**2 * soft
