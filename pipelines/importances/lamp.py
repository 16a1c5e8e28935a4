"""Magnitude that can be compared between layers."""

from __future__ import annotations

from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn

from pipelines.importances.importance import Scope, Unit


class Lamp:
    """A weight's square, as a share of the squares of all weights of its layer that are not smaller.

    Within one layer this ranks as the L2 norm does, so it means something with a global ranking only. Source: J. Lee et
    al., "Layer-adaptive Sparsity for the Magnitude-based Pruning", ICLR 2021.
    """

    name = "lamp"
    needs_gradients = False
    units: tuple[Unit, ...] = ("channel", "inner", "weight")
    scopes: tuple[Scope, ...] = ("global",)

    def of_groups(self) -> Any:
        """See `Importance.of_groups`."""
        return tp.importance.LAMPImportance(p=2)

    def of_weights(self, weight: Tensor, gradient: Tensor | None) -> Tensor:
        """See `Importance.of_weights`."""
        squares = weight.detach().flatten().square()
        largest_first = squares.argsort(descending=True, stable=True)
        not_smaller = squares[largest_first].cumsum(0)
        shares = torch.empty_like(squares)
        shares[largest_first] = squares[largest_first] / not_smaller.clamp_min(torch.finfo(squares.dtype).tiny)
        return shares.view_as(weight)

    def problem(self, model: nn.Module) -> str | None:
        """See `Importance.problem`."""
        return None
