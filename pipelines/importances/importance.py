"""What every measure of importance offers."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor


class Importance(Protocol):
    """Ranks the parts of a network: what ranks lowest is removed first.

    Attributes:
        name: The value of ``pruning.importance`` that selects it.
        needs_gradients: Whether it reads the gradients of the task's loss.
    """

    name: str
    needs_gradients: bool

    def of_groups(self) -> Any:
        """What Torch-Pruning ranks groups of dependent channels with: a ``torch_pruning.importance.Importance``."""

    def of_weights(self, weight: Tensor, gradient: Tensor | None) -> Tensor:
        """The importance of each single weight, of the shape of `weight`."""
