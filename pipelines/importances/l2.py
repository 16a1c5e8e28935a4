"""Magnitude by the L2 norm."""

from __future__ import annotations

from typing import Any

import torch_pruning as tp
from torch import Tensor, nn

from pipelines.importances.importance import Scope, Unit


class L2:
    """The L2 norm: of a channel's weights together with those that depend on it; of a single weight, its square.

    Source: H. Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017, here with the L2 norm; for groups as in
    G. Fang et al., "DepGraph", CVPR 2023.
    """

    name = "l2"
    needs_gradients = False
    units: tuple[Unit, ...] = ("channel", "inner", "weight")
    scopes: tuple[Scope, ...] = ("local", "global")

    def of_groups(self) -> Any:
        """See `Importance.of_groups`."""
        return tp.importance.GroupMagnitudeImportance(p=2)

    def of_weights(self, weight: Tensor, gradient: Tensor | None) -> Tensor:
        """See `Importance.of_weights`."""
        return weight.detach().square()

    def problem(self, model: nn.Module) -> str | None:
        """See `Importance.problem`."""
        return None
