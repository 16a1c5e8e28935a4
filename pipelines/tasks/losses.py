"""Losses by name, which a task may have instead of one of its own: ``loss = "mse"`` in its class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.tasks.reading import IGNORED, Kind, Reading


@dataclass(frozen=True)
class NamedLoss:
    """A loss, and how the outputs that it is made for are read.

    Attributes:
        name: What a task calls it.
        help: What it is, in one line.
        kind: See `Reading`.
        dim: See `Reading`.
        function: ``(outputs, targets, reading) -> scalar``.
        each: ``(outputs, targets, reading) -> one number per example``, the larger the better: what the accuracy is the
            mean of. Examples without any target that counts are left out.
    """

    name: str
    help: str
    kind: Kind
    dim: int
    function: Callable[[Tensor, Tensor, Reading], Tensor]
    each: Callable[[Tensor, Tensor, Reading], Tensor]


def _cross_entropy(outputs: Tensor, targets: Tensor, reading: Reading) -> Tensor:
    return functional.cross_entropy(reading.classes_second(outputs), labels(targets), ignore_index=reading.ignored)


def _right(outputs: Tensor, targets: Tensor, reading: Reading) -> Tensor:
    return top1(reading.classes_second(outputs), targets, reading.ignored)


def _next_token(outputs: Tensor, targets: Tensor, reading: Reading) -> Tensor:
    return functional.cross_entropy(*shifted(outputs, labels(targets)), ignore_index=reading.ignored)


def _next_right(outputs: Tensor, targets: Tensor, reading: Reading) -> Tensor:
    return top1(*shifted(outputs, targets), reading.ignored)


def _binary(outputs: Tensor, targets: Tensor, reading: Reading) -> Tensor:
    counted = targets != reading.ignored
    return functional.binary_cross_entropy_with_logits(outputs[counted], targets[counted].to(outputs.dtype))


def _labels_right(outputs: Tensor, targets: Tensor, reading: Reading) -> Tensor:
    return _mean((outputs > 0) == (targets > 0.5), targets != reading.ignored)


def _difference(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Reading], Tensor]:
    def loss(outputs: Tensor, targets: Tensor, reading: Reading) -> Tensor:
        return function(outputs, targets.to(outputs.dtype))

    return loss


def _near(outputs: Tensor, targets: Tensor, reading: Reading) -> Tensor:
    return -(outputs - targets.to(outputs.dtype)).abs().reshape(len(targets), -1).mean(1)


NEXT_TOKEN = "next-token"

LOSSES: Mapping[str, NamedLoss] = {
    loss.name: loss
    for loss in (
        NamedLoss("cross-entropy", "one class is right, by example or position", "classes", 1, _cross_entropy, _right),
        NamedLoss(
            NEXT_TOKEN,
            "a causal language model: outputs (N, L, V), targets (N, L) are its own tokens",
            "classes",
            -1,
            _next_token,
            _next_right,
        ),
        NamedLoss("binary-cross-entropy", "each label may be right", "labels", 1, _binary, _labels_right),
        NamedLoss("mse", "mean squared error", "numbers", 1, _difference(functional.mse_loss), _near),
        NamedLoss("mae", "mean absolute error", "numbers", 1, _difference(functional.l1_loss), _near),
        NamedLoss(
            "huber",
            "squared near the target, absolute far from it",
            "numbers",
            1,
            _difference(functional.huber_loss),
            _near,
        ),
    )
}
"""What a task's ``loss`` may name."""

DEFAULT = LOSSES["cross-entropy"]


def labels(targets: Tensor) -> Tensor:
    """Labels of whatever whole type, or truth values, as PyTorch's losses take them; probabilities as they are."""
    return targets if targets.is_floating_point() else targets.long()


def shifted(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The predictions (N, V, L - 1) of a causal language model, and the tokens (N, L - 1) that come next.

    Args:
        outputs: Shape (N, L, V).
        targets: The tokens themselves, shape (N, L).
    """
    return outputs[:, :-1].movedim(-1, 1), targets[:, 1:]


def top1(outputs: Tensor, targets: Tensor, ignored: int = IGNORED) -> Tensor:
    """The share of each example's labels that are the largest of `outputs`: 0 or 1 where there is one label.

    Labels of `ignored` do not count, as in cross-entropy; an example that has no other is left out.

    Args:
        outputs: Shape (N, classes) or (N, classes, positions …).
        targets: Shape (N,) or (N, positions …).
        ignored: The label that does not count.

    Returns:
        One number per example, shape (examples that count,).
    """
    return _mean(outputs.argmax(dim=1) == targets, targets != ignored)


def _mean(right: Tensor, counted: Tensor) -> Tensor:
    """The share of `right` among what is `counted`, by example; without those of which nothing counts."""
    right, counted = (x.reshape(len(x), -1) for x in (right & counted, counted))
    number = counted.sum(1)
    return (right.sum(1) / number)[number > 0].to(torch.get_default_dtype())
