"""The one training loop: teacher, students and fine-tuning go through it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pipelines.context import Context
from pipelines.errors import TrialFailed
from pipelines.task import loss_of, move

StepLoss = Callable[[tuple[Tensor, ...], Tensor, Tensor], Tensor]
"""``(inputs, outputs, targets) -> scalar``; inputs are given for losses that ask another network."""


def train(
    model: nn.Module,
    context: Context,
    *,
    epochs: int,
    loss: StepLoss | None = None,
    after_step: Callable[[], None] = lambda: None,
) -> nn.Module:
    """Train `model` in place with AdamW and a cosine schedule; returns it in evaluation mode, on the CPU.

    Between two steps it gives way to those who wait to measure on this machine; see `pipelines.lease`.

    Args:
        model: What to train.
        context: The task, whose ``train`` split is used, how to train and on which device.
        epochs: Passes; 0 leaves the weights as they are.
        loss: What to minimise; the task's own loss, when None.
        after_step: Called after each change of the weights, for what has to hold of them.

    Raises:
        TrialFailed: the loss is no longer a finite number, or there are no batches.
    """
    training, device = context.training, context.device
    loss = loss or task_loss(context)
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
        total, seen = torch.zeros((), device=device), 0
        for inputs, targets in context.task.batches("train"):
            moved, targets = move(inputs, device), targets.to(device)
            value = loss(moved, model(*moved), targets)
            optimizer.zero_grad(set_to_none=True)
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            after_step()
            context.lease.give_way(lambda: _settle(device))
            total, seen = total + value.detach(), seen + 1
        if not seen:
            raise TrialFailed("the train split has no batches")
        if not torch.isfinite(total):
            raise TrialFailed(
                f"the loss became {total.item():g} in epoch {epoch + 1} of {epochs}; "
                f"lower training.learning_rate (now {training.learning_rate:g})"
            )
    return model.eval().cpu()


def task_loss(context: Context) -> StepLoss:
    """The task's own loss, as `train` takes it."""
    loss = loss_of(context.task)
    return lambda inputs, outputs, targets: loss(outputs, targets)


def _settle(device: torch.device) -> None:
    """Wait until `device` has done what it was given: a GPU works on after the call that starts it has returned."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
