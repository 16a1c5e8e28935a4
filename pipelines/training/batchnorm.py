"""Batch normalization after a cut: the statistics that it learned are those of the network before."""

from __future__ import annotations

from itertools import islice

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from pipelines.tasks.batches import batches_of
from pipelines.tasks.task import move
from pipelines.training.context import Context

BATCHES = 100
"""How many training batches are looked at, at most: an average needs no more."""


def reestimate_statistics(model: nn.Module, context: Context) -> None:
    """Set the running mean and variance of every batch normalization to their averages over the ``train`` split.

    No weight changes. Most of the accuracy that a cut seems to cost comes back with this alone. The model, which is on
    the CPU, is left in evaluation mode; without batch normalization it is not even called.
    """
    if not any(isinstance(module, _BatchNorm) and module.track_running_stats for module in model.modules()):
        return
    device = context.device
    model.to(device).eval()
    batches = (move(inputs, device) for inputs, _ in islice(batches_of(context.task, "train"), BATCHES))
    update_bn(((inputs,) for inputs in batches), _Positional(model).eval())
    model.cpu()


class _Positional(nn.Module):
    """A network called with the tuple of its arguments."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: tuple[Tensor, ...]) -> Tensor:
        result: Tensor = self.model(*inputs)
        return result
