"""Accuracy of a network, before it is a file."""

from __future__ import annotations

import torch
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.tasks.batches import batches_of
from pipelines.tasks.score import example_scores
from pipelines.tasks.task import Split, move
from pipelines.tasks.tensors import joined, on
from pipelines.training.context import Context


def network_accuracy(model: nn.Module, context: Context, split: Split = "validation") -> float:
    """The mean of the task's score over `split`; `model`, which is on the CPU, is left in evaluation mode.

    Raises:
        TrialFailed: an output is not finite, there is not one score per example, or no example counts.
    """
    device, total, count = context.device, 0.0, 0
    model.to(device).eval()
    with torch.no_grad():
        for inputs, targets in batches_of(context.task, split):
            context.lease.give_way()
            outputs = model(*move(inputs, device))
            if not torch.isfinite(joined(outputs)).all():
                raise TrialFailed("the network gives outputs that are not finite")
            scores = example_scores(context.task, outputs, on(targets, device))
            total, count = total + float(scores.sum()), count + len(scores)
    model.cpu()
    if not count:
        raise TrialFailed(f"the {split} split has no batches, or no label that counts")
    return context.group.agree(total / count)
