"""Early stopping: a training ends when the loss on examples that it does not learn from has stopped falling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.tasks.batches import batches_of
from pipelines.tasks.task import move
from pipelines.tasks.tensors import on
from pipelines.training.context import Context
from pipelines.training.weight_average import tensors_of


class EarlyStopping:
    """Keeps the weights with the smallest loss so far, and says when there was no smaller one for long.

    Args:
        patience: After how many epochs without a smaller loss to stop; None never stops, and keeps nothing.

    Attributes:
        stopped: Whether the training has ended.
    """

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._best, self._since = math.inf, 0
        self._weights: dict[str, Tensor] = {}
        self.stopped = False

    def look(self, model: nn.Module, loss: float) -> None:
        """Take note of the weights after one more epoch and of their loss."""
        if self._patience is None:
            return
        self._since += 1
        if loss < self._best:
            self._best, self._since = loss, 0
            self._weights = {name: tensor.clone() for name, tensor in tensors_of(model).items()}
        self.stopped = self._since >= self._patience

    def apply(self, model: nn.Module) -> None:
        """Give `model` the best weights, if any were kept."""
        for name, tensor in tensors_of(model).items() if self._weights else ():
            tensor.copy_(self._weights[name])

    def state(self) -> dict[str, Any]:
        """Return what is remembered from epoch to epoch."""
        return {"best": self._best, "since": self._since, "weights": self._weights, "stopped": self.stopped}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._best, self._since, self.stopped = float(state["best"]), int(state["since"]), bool(state["stopped"])
        self._weights = dict(state["weights"])


def calibration_loss(model: nn.Module, loss: Any, context: Context) -> float:
    """The mean of the task's loss over the batches of the ``calibration`` split; the model keeps its mode.

    Not the validation split: by that one trials are compared, so that none may choose by it.

    Raises:
        TrialFailed: the split has no batches.
    """
    training, losses = model.training, list[Tensor]()
    model.eval()
    with torch.no_grad():
        for inputs, targets in batches_of(context.task, "calibration"):
            context.lease.give_way()
            losses.append(loss(model(*move(inputs, context.device)), on(targets, context.device)).detach())
    model.train(training)
    if not losses:
        raise TrialFailed("the calibration split has no batches, by which training.patience would judge")
    return float(torch.stack(losses).mean())
