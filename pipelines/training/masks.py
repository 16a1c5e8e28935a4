"""Zeros that stay: weights that were pruned one by one are zero, and training must not bring them back."""

from __future__ import annotations

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn


def masks_of(model: nn.Module, names: Collection[str]) -> dict[str, Tensor]:
    """Masks of the weights of `model` that are not exactly zero: a boolean tensor of the weight's shape, by its name.

    Args:
        model: The network.
        names: The parameters to look at; those without zeros are left out.
    """
    weights = {name: p.detach() for name, p in model.named_parameters() if name in names}
    return {name: weight != 0 for name, weight in weights.items() if bool((weight == 0).any())}


def keep_zeros(model: nn.Module, names: Collection[str]) -> Callable[[], None]:
    """A callback that sets to zero again what is zero now of the parameters `names`; for ``train(..., after_step=)``.

    It follows the parameters to another device, but not through a change of the network's structure. Parameters that
    pruning has not touched may be zero too, as layers are that start so, and have to learn: they are not named.
    """
    parameters = dict(model.named_parameters())
    zeros = {name: ~mask for name, mask in masks_of(model, names).items()}

    def restore() -> None:
        with torch.no_grad():
            for name, zero in zeros.items():
                zeros[name] = zero = zero.to(parameters[name].device)
                parameters[name].masked_fill_(zero, 0)

    return restore
