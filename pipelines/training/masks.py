"""Zeros that stay: weights that were pruned one by one are zero, and training must not bring them back."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def masks_of(model: nn.Module) -> dict[str, Tensor]:
    """Where the weights of `model` are not exactly zero: a boolean tensor of the weight's shape, by parameter name.

    Only parameters of two and more dimensions that have zeros are named: those are what pruning of weights leaves.
    """
    weights = {name: p.detach() for name, p in model.named_parameters() if p.dim() > 1}
    return {name: weight != 0 for name, weight in weights.items() if bool((weight == 0).any())}


def keep_zeros(model: nn.Module) -> Callable[[], None]:
    """A callback that sets to zero again what is zero now, see `masks_of`; for ``train(..., after_step=)``.

    It follows the parameters to another device, but not through a change of the network's structure.
    """
    parameters = dict(model.named_parameters())
    zeros = {name: ~mask for name, mask in masks_of(model).items()}

    def restore() -> None:
        with torch.no_grad():
            for name, zero in zeros.items():
                zeros[name] = zero = zero.to(parameters[name].device)
                parameters[name].masked_fill_(zero, 0)

    return restore
