"""Magnitude by the L1 norm."""

from __future__ import annotations

from typing import Any

import torch_pruning as tp
from torch import Tensor, nn

from pipelines.importances.importance import Scope, Unit


class L1:
    """The L1 norm: of a channel's weights together with those that depend on it; of a single weight, its size.

    Single weights rank as with the L2 norm. Source: H. Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017;
    for groups as in G. Fang et al., "DepGraph", CVPR 2023.
    """

    name = "l1"
    needs_gradients = False
    units: tuple[Unit, ...] = ("channel", "inner", "weight")
    scopes: tuple[Scope, ...] = ("local", "global")

    def of_groups(self) -> Any:
        """See `Importance.of_groups`."""
        return tp.importance.GroupMagnitudeImportance(p=1)

    def of_weights(self, weight: Tensor, gradient: Tensor | None) -> Tensor:
        """See `Importance.of_weights`."""
        return weight.detach().abs()

    def problem(self, model: nn.Module) -> str | None:
        """See `Importance.problem`."""
        return None
