"""One step of a training: forward, loss, backward; and what changes the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from pipelines.errors import TrialFailed
from pipelines.tasks.task import as_tuple
from pipelines.training.feed import TrainBatch
from pipelines.training.group import ALONE, Group
from pipelines.training.settings import Hyperparameters

StepLoss = Callable[[TrainBatch, Any], Tensor]
"""``(batch, outputs) -> scalar``."""

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}

FUSED = ("sgd", "adam", "adamw")
"""Optimizers whose step is one kernel that reads the rate from the device, so that a CUDA graph can hold it."""


class TrainingStep:
    """The two halves of a step on `model`: gradients of a batch, and the change of the weights.

    Args:
        model: What is trained, on the device.
        how: The hyperparameters.
        loss: What is minimised.
        after_step: Called after each change of the weights.
        group: The processes whose gradients are taken together.

    Attributes:
        total: The sum of the losses since `begin`, a scalar on the device.
        optimizer: What changes the weights.
    """

    def __init__(
        self,
        model: nn.Module,
        how: Hyperparameters,
        loss: StepLoss,
        after_step: Callable[[], None] = lambda: None,
        group: Group = ALONE,
    ) -> None:
        self._model, self._how, self._loss, self._after_step = model, how, loss, after_step
        self._group = group
        self._call: Callable[..., Any] = torch.compile(model) if how.compile else model
        self.device = next(model.parameters()).device
        self.total = torch.zeros((), device=self.device)
        self._share = torch.ones((), device=self.device)
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = self._make_optimizer()
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=how.precision == "fp16")

    @property
    def can_update_in_graph(self) -> bool:
        """True if `update` works on the device alone, without the host."""
        return self._is_fused and self._how.precision != "fp16" and self._group.size == 1

    @property
    def _is_fused(self) -> bool:
        return self.device.type == "cuda" and self._how.chosen_optimizer.name in FUSED

    def begin(self) -> None:
        """Begin to sum the losses anew."""
        self.total.zero_()

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the steps to come."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def set_share(self, share: float) -> None:
        """Set what share of a whole batch the batches to come are, where several processes divide it."""
        if self._group.size > 1:
            self._share.fill_(share)

    def backward(self, batch: TrainBatch) -> None:
        """Add the gradients of the loss of `batch` to those that are there."""
        batch = self._laid_out(batch)
        with self.autocast():
            outputs = self._call(*as_tuple(batch.inputs))
            if self._how.precision != "fp32":
                outputs = tree_map(_single, outputs)
            value = self._loss(batch, outputs)
        if self._group.size > 1:
            value = value * self._share
        self._scaler.scale(value / self._how.accumulate if self._how.accumulate > 1 else value).backward()  # type: ignore[no-untyped-call]
        self.total.add_(value.detach())

    def update(self, *, keep_gradients: bool = False) -> None:
        """Change the weights by the gradients that are there, and forget those.

        Args:
            keep_gradients: Set them to zero where they lie, for a CUDA graph that adds to them.
        """
        self._group.sum_gradients(self._parameters)
        if self._how.clip_norm is not None:
            self._scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self._parameters, self._how.clip_norm)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        self.optimizer.zero_grad(set_to_none=not keep_gradients)
        self._after_step()

    def forget_gradients(self) -> None:
        """Forget gradients that no step was made with."""
        self.optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """Return what is remembered from step to step."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self._scaler.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        self.optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])
        if self._is_fused:
            for group in self.optimizer.param_groups:
                group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32).to(self.device)

    def autocast(self) -> AbstractContextManager[Any]:
        """Within it, products and convolutions are computed in the precision that was asked for."""
        if self._how.precision == "fp32":
            return nullcontext()
        # Weights change between forward passes: what was cast of them in one CUDA graph is of no use in the next.
        return torch.autocast(self.device.type, PRECISIONS[self._how.precision], cache_enabled=False)

    def _laid_out(self, batch: TrainBatch) -> TrainBatch:
        if not self._how.channels_last:
            return batch
        inputs = tree_map(
            lambda x: x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x, batch.inputs
        )
        return TrainBatch(inputs, batch.targets, batch.rows)

    def _make_optimizer(self) -> torch.optim.Optimizer:
        choice, how = self._how.chosen_optimizer, self._how
        if not self._parameters:
            # Nothing to train is no fault of a loop that is asked for no epochs.
            return torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=how.learning_rate)
        extra: dict[str, Any] = {}
        rate: float | Tensor = how.learning_rate
        if self._is_fused:
            # Used with and without a graph, so that both round alike.
            extra, rate = {"fused": True}, torch.tensor(how.learning_rate, device=self.device)
            if choice.has("capturable"):
                extra["capturable"] = True
        try:
            made: torch.optim.Optimizer = choice.make(self._parameters, rate, how.weight_decay, **extra)
        except (TypeError, ValueError, RuntimeError) as error:
            raise TrialFailed(f"training.optimizer: {choice.name} refuses this network: {error}") from error
        return made


def _single(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value
