"""Groups of what goes together, in the form that Torch-Pruning's measures of importance rank."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from pipelines.importances import Importance
from pipelines.networks.axes import Axis, Dim, coordinates


def scores_of(
    model: nn.Module, axis: Axis, places: Sequence[tuple[str, Dim, int]], importance: Importance
) -> Tensor | None:
    """The importance of each entry of `axis`, shape (entries,); None if `importance` has no opinion of them.

    Args:
        model: The network, with gradients if the importance reads them.
        axis: The axis.
        places: The parameters that have it: their names, their dimension as axes, and which of theirs it is.
        importance: The measure.
    """
    group = tp.dependency.Group()
    for name, dim, at in places:
        owner, _, key = name.rpartition(".")
        module = model.get_submodule(owner)
        layer, prune = _layer(module, module._parameters.get(key), at)
        if layer is None:
            continue
        entries = coordinates(dim, axis)
        node = tp.dependency.Node(layer, None, "")
        channels = [channel for channel, entry in enumerate(entries) if entry >= 0]
        group.add_dep(tp.dependency.Dependency(prune, prune, source=node, target=node), channels)
        group[len(group) - 1].root_idxs = [entries[channel] for channel in channels]
    if not len(group):
        return None
    count = len(group[0].idxs)
    found: Tensor | None = importance.of_groups()(group)
    if found is None:
        return None
    # What repeats count for on average, so that widths of all kinds can be ranked together.
    return (found.detach()[: axis.size] * axis.size / count).nan_to_num()


def _layer(module: nn.Module, parameter: nn.Parameter | None, at: int) -> tuple[nn.Module | None, object]:
    """A layer whose outputs are the channels that dimension `at` of `parameter` has; None if it is not ranked."""
    if parameter is None:
        return None, None
    if isinstance(module, (_BatchNorm, nn.LayerNorm)) and parameter is module.weight and parameter.dim() == 1:
        kind = tp.prune_batchnorm_out_channels if isinstance(module, _BatchNorm) else tp.prune_layernorm_out_channels
        return module, kind
    if parameter.dim() < 2 or not parameter.is_floating_point():
        return None, None
    if isinstance(module, _ConvNd) and module.groups > 1 and parameter.shape[1] == 1:
        return None, None  # depthwise: it follows the layer before it
    layer = nn.Linear(1, 1, bias=False)
    layer.weight = nn.Parameter(parameter.detach().movedim(at, 0).flatten(1))
    if parameter.grad is not None:
        layer.weight.grad = parameter.grad.movedim(at, 0).flatten(1)
    else:
        layer.weight.grad = torch.zeros_like(layer.weight)
    return layer, tp.prune_linear_out_channels
