"""The change of the loss, to first order."""

from __future__ import annotations

from typing import Any

import torch_pruning as tp
from torch import Tensor, nn

from pipelines.errors import TrialFailed
from pipelines.importances.importance import Scope, Unit


class Taylor:
    """The first-order estimate of what the loss would change by: the size of weight times gradient.

    A channel has the sum over its weights and those that depend on it, not normalised, so that layers compare by what
    the loss would lose. Source: P. Molchanov et al., "Importance Estimation for Neural Network Pruning", CVPR 2019.
    """

    name = "taylor"
    needs_gradients = True
    units: tuple[Unit, ...] = ("channel", "inner", "weight")
    scopes: tuple[Scope, ...] = ("local", "global")

    def of_groups(self) -> Any:
        """See `Importance.of_groups`."""
        return tp.importance.GroupTaylorImportance(group_reduction="sum", normalizer=None)

    def of_weights(self, weight: Tensor, gradient: Tensor | None) -> Tensor:
        """See `Importance.of_weights`."""
        if gradient is None:
            raise TrialFailed("the taylor importance needs the gradients of the loss, and this weight has none")
        return (weight.detach() * gradient).abs()

    def problem(self, model: nn.Module) -> str | None:
        """See `Importance.problem`."""
        return None
