"""Channel pruning: whole channels are removed, so that the exported network is really smaller."""

from __future__ import annotations

import math
from typing import Any

import torch_pruning as tp
from torch import nn

from pipelines.errors import TrialFailed
from pipelines.task import Inputs, as_tuple
from spaces import Interval, Parameter, Params

ROUND_TO = 8
"""Kept widths are multiples of this: kernels work in vectors, and odd widths make a smaller network slower."""


LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class ChannelPruner:
    """Remove the channels of least L2 norm together with all that depends on them, each layer by the same ratio.

    Source: G. Fang et al., "DepGraph: Towards Any Structural Pruning", CVPR 2023, as implemented by Torch-Pruning.
    A layer's kept width is rounded down to a multiple of 8, but at least 8 channels are kept.
    """

    name = "channel"
    parameters: tuple[Parameter, ...] = (
        Parameter(
            "pruning.ratio",
            Interval(0, 1, open_low=True, open_high=True),
            help="share of the channels to remove from each layer",
        ),
    )

    def prune(self, model: nn.Module, example: Inputs, params: Params) -> Any:
        """See `Pruner.prune`; the history is Torch-Pruning's list of (layer, is output channel, indices)."""
        before = _widths(model)
        pruner = _pruner(model, example, ratio=float(params["ratio"]))
        pruner.step()
        after = _widths(model)
        if after == before:
            widest = max(before.values(), default=0)
            raise TrialFailed(
                f"nothing to prune at ratio {params['ratio']}: widths are kept at multiples of {ROUND_TO} "
                f"and the widest layer has {widest} channels; use a larger ratio or a wider network"
            )
        return pruner.pruning_history()

    def replay(self, model: nn.Module, example: Inputs, history: Any) -> None:
        """See `Pruner.replay`."""
        _pruner(model, example, ratio=0.0).load_pruning_history(history)

    def label(self, params: Params) -> str:
        """Such as ``ch0.5``."""
        return f"ch{params['ratio']:g}"


def _pruner(model: nn.Module, example: Inputs, ratio: float) -> Any:
    ratios = {}
    for name, module in model.named_modules():
        if isinstance(module, LAYERS):
            width = module.weight.shape[0]
            # Torch-Pruning's own round_to would leave a layer whole whenever it rounds to nothing. The half channel
            # keeps its truncation to a whole number where it belongs.
            ratios[model.get_submodule(name)] = max(0.0, 1 - (_kept(width, ratio) + 0.5) / width)
    return tp.pruner.BasePruner(
        model,
        as_tuple(example),
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=0.0,
        pruning_ratio_dict=ratios,
        ignored_layers=[_last_layer(model, example)],
    )


def _kept(width: int, ratio: float) -> int:
    """How many of `width` channels stay: a multiple of ROUND_TO, at least that many, at most what there are."""
    wanted = width - math.ceil(width * ratio - 1e-9)
    return min(width, max(ROUND_TO, wanted - wanted % ROUND_TO))


def _last_layer(model: nn.Module, example: Inputs) -> nn.Module:
    """The layer whose output is the network's: its width is the number of classes and must stay."""
    calls: list[nn.Module] = []
    layers = [m for m in model.modules() if isinstance(m, LAYERS)]
    hooks = [layer.register_forward_hook(lambda module, *_: calls.append(module)) for layer in layers]
    try:
        model(*as_tuple(example))
    finally:
        for hook in hooks:
            hook.remove()
    if not calls:
        raise TrialFailed("the network has no linear or convolutional layer to prune")
    return calls[-1]


def _widths(model: nn.Module) -> dict[str, int]:
    return {name: module.weight.shape[0] for name, module in model.named_modules() if isinstance(module, LAYERS)}
