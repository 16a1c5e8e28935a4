"""The gradients of a task's loss, for measures that rank weights by them."""

from __future__ import annotations

from itertools import islice

import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.tasks.batches import batches_of
from pipelines.tasks.task import loss_of, move
from pipelines.tasks.tensors import on
from pipelines.training.context import Context

BATCHES = 8
"""How many training batches are looked at, at most."""


def sum_gradients(model: nn.Module, context: Context) -> None:
    """Leave in ``.grad`` of each parameter of `model` the gradient of the task's loss, summed over training batches.

    The model, which is on the CPU, is called in evaluation mode, so that nothing else of it changes. A parameter that
    the loss does not depend on has zeros.

    Raises:
        TrialFailed: there are no batches, or a gradient is not a finite number.
    """
    device, loss, modes = context.device, loss_of(context.task), {m: m.training for m in model.modules()}
    model.to(device).eval()
    model.zero_grad(set_to_none=True)
    seen = 0
    with torch.enable_grad():
        for inputs, targets in islice(batches_of(context.task, "train"), BATCHES):
            context.lease.give_way()
            loss(model(*move(inputs, device)), on(targets, device)).backward()  # type: ignore[no-untyped-call]
            seen += 1
    model.cpu()
    for module, training in modes.items():
        module.training = training
    if not seen:
        raise TrialFailed("the train split has no batches")
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        if not torch.isfinite(parameter.grad).all():
            raise TrialFailed(f"the gradient of the loss by {name} is not finite; lower training.learning_rate")
