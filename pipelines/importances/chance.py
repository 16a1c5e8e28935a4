"""Chance: the control that every other measure has to beat."""

from __future__ import annotations

from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn

from pipelines.importances.importance import Scope, Unit


class Chance:
    """A random number for each unit, from torch's generator, which every stage seeds from its key."""

    name = "random"
    needs_gradients = False
    units: tuple[Unit, ...] = ("channel", "inner", "weight")
    scopes: tuple[Scope, ...] = ("local", "global")

    def of_groups(self) -> Any:
        """See `Importance.of_groups`."""
        return tp.importance.RandomImportance()

    def of_weights(self, weight: Tensor, gradient: Tensor | None) -> Tensor:
        """See `Importance.of_weights`."""
        return torch.rand(weight.shape, dtype=weight.dtype)

    def problem(self, model: nn.Module) -> str | None:
        """See `Importance.problem`."""
        return None
