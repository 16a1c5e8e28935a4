"""The one training loop: teacher, students and fine-tuning go through it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.settings import Training
from pipelines.task import Batch, move

StepLoss = Callable[[tuple[Tensor, ...], Tensor, Tensor], Tensor]
"""``(inputs, outputs, targets) -> scalar``; inputs are given for losses that ask another network."""


def train(
    model: nn.Module,
    batches: Callable[[], Iterable[Batch]],
    loss: StepLoss,
    *,
    epochs: int,
    training: Training,
    device: torch.device,
) -> nn.Module:
    """Train `model` in place with AdamW and a cosine schedule; returns it in evaluation mode, on the CPU.

    Args:
        model: What to train.
        batches: Gives the batches of one pass.
        loss: What to minimise.
        epochs: Passes; 0 leaves the weights as they are.
        training: Learning rate and weight decay.
        device: Where to train.

    Raises:
        TrialFailed: the loss is no longer a finite number, or there are no batches.
    """
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
        total, seen = torch.zeros((), device=device), 0
        for inputs, targets in batches():
            moved, targets = move(inputs, device), targets.to(device)
            value = loss(moved, model(*moved), targets)
            optimizer.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total, seen = total + value.detach(), seen + 1
        if not seen:
            raise TrialFailed("the train split has no batches")
        if not torch.isfinite(total):
            raise TrialFailed(
                f"the loss became {total.item():g} in epoch {epoch + 1} of {epochs}; "
                f"lower training.learning_rate (now {training.learning_rate:g})"
            )
    return model.eval().cpu()
