"""A task's own training loop, and what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.tasks.hooks import OwnFit
from pipelines.training.context import Context
from pipelines.training.feed import TrainBatch, in_order
from pipelines.training.settings import Hyperparameters, Kind
from pipelines.training.step import StepLoss


@dataclass(frozen=True)
class FitJob:
    """What a task's ``fit`` is told of one training.

    Attributes:
        kind: Of what: ``teacher``, ``student``, ``finetune`` or ``qat``.
        epochs: The budget, in passes over the training split.
        seed: All generators were seeded with it; for loops that seed by themselves.
        device: Where to train.
        hyperparameters: The section ``training:`` for this kind; what the loop does not read has no effect.
        loss: ``(inputs, outputs, targets) -> scalar``: what to minimise, the teacher's part included. It has to see the
            outputs of the last call of the network.
        after_step: To be called after each change of the weights: it keeps pruned weights at zero.
        give_way: To be called between steps: it lets those measure who wait for this machine.
    """

    kind: Kind
    epochs: int
    seed: int
    device: torch.device
    hyperparameters: Hyperparameters
    loss: Callable[[Any, Any, Tensor], Tensor]
    after_step: Callable[[], None]
    give_way: Callable[[], None]


def fit(
    task: OwnFit,
    model: nn.Module,
    context: Context,
    how: Hyperparameters,
    *,
    kind: Kind,
    epochs: int,
    loss: StepLoss,
    after_step: Callable[[], None],
) -> None:
    """Let the task train `model`; see `FitJob`.

    Raises:
        TrialFailed: it leaves weights that are not finite.
    """
    job = FitJob(
        kind,
        epochs,
        torch.initial_seed() % 2**32,
        context.device,
        how,
        lambda inputs, outputs, targets: loss(TrainBatch(in_order(inputs), targets), outputs),
        after_step,
        context.lease.give_way,
    )
    task.fit(model, job)
    after_step()
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter.detach()).all():
            raise TrialFailed(f"after the task's fit, {name} of the network is not finite (NaN or infinite)")
